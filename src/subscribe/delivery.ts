/** What a subscription hands on: some alerts of one daemon, in the daemon's order. */
import {
  toAlert,
  type Alert,
  type Invalid,
  type InvalidReason,
  type Position,
  type RawAlert,
} from '../alert.js'

export interface Delivery {
  /** The daemon's address as the user wrote it. */
  readonly daemon: string
  readonly alerts: readonly (Alert | Invalid)[]
  /** The newest alert of the daemon's journal, where it tells. */
  readonly newest: Position | undefined
}

const UNDECODABLE: Invalid = {
  kind: 'invalid',
  reason: 'undecodable' satisfies InvalidReason,
  position: undefined,
}

export function toDelivery(
  daemon: string,
  raws: readonly (RawAlert | undefined)[],
  newest: Position | undefined,
  fallbackHostname: string,
): Delivery {
  const alerts = raws.map((raw) =>
    raw === undefined ? UNDECODABLE : toAlert(raw, fallbackHostname),
  )
  return { daemon, alerts, newest }
}
