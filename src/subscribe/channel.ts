/** One gRPC connection to a daemon: credentials, limits, keepalive. */
import { Client, credentials, type ChannelCredentials, type ClientOptions } from '@grpc/grpc-js'
import { toGrpcTarget, type DaemonAddress } from './address.js'

/** Contents of the PEM files for TCP; a daemon listens on TCP only with mutual TLS. */
export interface TlsIdentity {
  readonly ca: Buffer
  readonly certificate: Buffer
  readonly key: Buffer
}

/** A batch of 512 alerts whose command lines are huge still fits; nothing larger is believed. */
const MESSAGE_LIMIT_BYTES = 32 * 1024 * 1024

const OPTIONS: ClientOptions = {
  'grpc.max_receive_message_length': MESSAGE_LIMIT_BYTES,
  // Each attempt has its own connection: no shared back-off that we cannot see.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
}

/**
 * Servers in C++ answer pings that come more often than every five minutes with GOAWAY
 * "too_many_pings", and that ends the stream. Both our protocols have a heartbeat of their own.
 */
const TCP_OPTIONS: ClientOptions = {
  ...OPTIONS,
  'grpc.keepalive_time_ms': 310_000,
  'grpc.keepalive_timeout_ms': 20_000,
}

export function createChannel(address: DaemonAddress, tls: TlsIdentity | undefined): Client {
  if (address.kind === 'unix') {
    return new Client(toGrpcTarget(address), credentials.createInsecure(), OPTIONS)
  }
  const { serverName } = address
  const named =
    serverName === undefined
      ? {}
      : { 'grpc.ssl_target_name_override': serverName, 'grpc.default_authority': serverName }
  return new Client(toGrpcTarget(address), toCredentials(tls), { ...TCP_OPTIONS, ...named })
}

function toCredentials(tls: TlsIdentity | undefined): ChannelCredentials {
  return tls === undefined
    ? credentials.createSsl()
    : credentials.createSsl(tls.ca, tls.key, tls.certificate)
}
