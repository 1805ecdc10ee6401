/** Makes foreign text fit to stand in a label: well-formed, printable, bounded. */

/** Controls would break terminals and tables that show a label; C0, DEL and C1. */
const CONTROLS = /[\u0000-\u001f\u007f-\u009f]/g
const REPLACEMENT = '\ufffd'
const CUT_MARK = '…'
const CUT_MARK_BYTES = Buffer.byteLength(CUT_MARK)

/** Text without controls and lone surrogates, at most `limitBytes` long; a cut is visible. */
export function toPrintable(text: string, limitBytes: number): string {
  const clean = text.toWellFormed().replace(CONTROLS, REPLACEMENT)
  return cutVisibly(clean, limitBytes, CUT_MARK, CUT_MARK_BYTES)
}

/**
 * As `toPrintable`, for what is asked for by name: neither PromQL nor LogQL has a way to write
 * U+FFFD, and Loki refuses a whole push for one in the labels of a log stream.
 */
export function toLabelValue(text: string, limitBytes: number): string {
  const value = toPrintable(text, limitBytes)
  return value.includes(REPLACEMENT) ? value.replaceAll(REPLACEMENT, '?') : value
}

/** Well-formed text of at most `limitBytes`; a cut is visible and never inside a character. */
export function toBounded(text: string, limitBytes: number): string {
  return cutVisibly(text.toWellFormed(), limitBytes, CUT_MARK, CUT_MARK_BYTES)
}

function cutVisibly(text: string, limitBytes: number, mark: string, markBytes: number): string {
  // A UTF-16 unit takes at most three bytes, so most text needs no exact count.
  if (text.length * 3 <= limitBytes) return text
  if (Buffer.byteLength(text) <= limitBytes) return text
  const bytes = Buffer.from(text.slice(0, limitBytes))
  let end = Math.min(bytes.length, limitBytes - markBytes)
  // 0b10xxxxxx continues a character: step back to where one begins.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return bytes.toString('utf8', 0, end) + mark
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Text as it may stand in HTML, between tags and in quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (found) => ENTITIES[found] ?? found)
}
