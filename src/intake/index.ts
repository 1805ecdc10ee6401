/**
 * The HTTP intake: alerts that others post as JSON.
 *
 *   request ─► who is it? ─► unpack ─► parse ─► ledger (durable) ─► 200
 *
 * For Falco from 0.44 on, which has no gRPC (`http_output`, any source), and for senders that
 * speak as falcosidekick does. A request is answered with 200 when its alerts are durable, and
 * with 503 and Retry-After when they cannot be taken now: at least once, as far as the sender
 * repeats what was not answered.
 *
 * Bounds: 1,024 connections, a body limit per request, 64 MiB of bodies under way in all.
 */
export { parseAlerts } from './parse.js'
export {
  createIntake,
  type Intake,
  type IntakeHealth,
  type IntakeOptions,
  type IntakeSecrets,
} from './intake.js'
