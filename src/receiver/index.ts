/**
 * `peregrine receiver`: shows what Alertmanager notifies, for trying out a chain of alerting
 * without a mail server or a chat.
 *
 * Point a webhook of Alertmanager at any path of it. Each alert is a line on stdout; the last
 * 500 are on a page and, as JSON, at /notifications. Nothing is kept over a restart.
 */
export { startReceiver, type Receiver, type ReceiverOptions } from './receiver.js'
