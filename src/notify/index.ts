/**
 * The direct way to Alertmanager, for those who want to know within a second.
 *
 * What is active is sent to every member at once and again each minute, as Alertmanager asks of
 * its clients; what did not happen again is sent with its end for five more minutes. Labels are
 * identity only, so that the same thing happening again is the same alert.
 *
 * What happened longer ago than the bound, as a journal tells it to a fresh store, is no news and
 * not sent. Kept in memory: an alert that was not sent when the process dies is in Loki and counted, and
 * is not sent again. Bounds: 2,000 active alerts; more are counted and left to the rules.
 */
export { createNotifier, type Notifier, type NotifierOptions, type NotifyHealth } from './notify.js'
export { toNotification } from './notification.js'
