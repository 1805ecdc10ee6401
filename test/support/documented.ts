/** Commands as the documents have them, so that a test runs what a user types. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

export interface Block {
  readonly language: string
  readonly body: string
  /** The comment right before it. */
  readonly mark: string
}

export function blocks(path: string): readonly Block[] {
  const text = readFileSync(join(ROOT, path), 'utf8')
  const found = text.matchAll(/(?:<!--([^>]*)-->\n)?^```(\w*)\n([\s\S]*?)^```$/gm)
  return Array.from(found, ([, mark = '', language = '', body = '']) => {
    return { mark: mark.trim(), language, body }
  })
}

/** The commands of a block, with what a backslash continues on one line. */
export function commandsOf({ body }: Block): readonly string[] {
  return body
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter(Boolean)
}

/** The test that says to run a block. */
export function testOf({ mark }: Block): string | undefined {
  return /^run by: (\S+)$/.exec(mark)?.[1]
}

/**
 * The command, if the document has it in a block: whoever runs a form of it (another port, no
 * download) asks for it here, and docs.test.ts finds the question. Fails where the document has
 * changed.
 */
export function documented(path: string, command: string): string {
  const all = blocks(path).flatMap(commandsOf)
  if (!all.includes(command)) throw new Error(`${path} has no command ${command}`)
  return command
}
