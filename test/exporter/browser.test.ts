/** The page as a person has it: in Debian's Chromium. */
import { existsSync } from 'node:fs'
import { createConnection, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { chromium, type Browser, type Page } from 'playwright-core'
import t from 'tap'
import { runExporter, temporaryDirectory } from './support/exporter.js'
import { startDaemon } from './support/peregrined.js'
import { wireAlert } from './support/services.js'

const CHROMIUM = '/usr/bin/chromium'
const skip = existsSync(CHROMIUM) ? false : 'chromium is not installed'
const WAIT = { timeout: 60_000 }

/** What a page must never do, told as it happens. */
interface Watched {
  readonly page: Page
  readonly faults: string[]
}

async function open(browser: Browser, address: string): Promise<Watched> {
  const page = await browser.newPage()
  const faults: string[] = []
  page.on('pageerror', (error) => faults.push(error.message))
  page.on('console', (message) => {
    if (/Content Security Policy|Refused to/.test(message.text())) faults.push(message.text())
  })
  page.on('dialog', (dialog) => {
    faults.push(`a dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  page.on('request', (request) => {
    if (!request.url().startsWith(address)) faults.push(`asked for ${request.url()}`)
  })
  await page.goto(address)
  return { page, faults }
}

const rows = (page: Page) => page.locator('#alerts > li:not([hidden])')

/** Resolves when so many alerts are in view. */
async function shown(page: Page, count: number): Promise<void> {
  await page.waitForFunction(
    (wanted) => document.querySelectorAll('#alerts > li:not([hidden])').length === wanted,
    count,
    WAIT,
  )
}

/** A port that passes on to another until its connections are cut. */
async function startGate(target: number): Promise<{ port: number; cut: () => void }> {
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = createConnection(target, '127.0.0.1')
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.pipe(upstream).pipe(client)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  return {
    port: address !== null && typeof address === 'object' ? address.port : 0,
    cut: () => {
      for (const socket of sockets) socket.destroy()
    },
  }
}

void t.test('the page in Chromium', { skip, timeout: 300_000 }, async (t) => {
  const directory = temporaryDirectory(t)
  const socket = `unix:${join(directory, 'daemon.sock')}`
  const daemon = await startDaemon(socket)
  t.teardown(daemon.stop)
  const args = ['--falco', socket, '--state-dir', ':temporary:']
  const exporter = await runExporter(t, [...args, '--grafana-url', 'http://grafana:3000'])
  const gate = await startGate(Number(new URL(exporter.address).port))
  const address = `http://127.0.0.1:${gate.port}`
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
  t.teardown(() => browser.close())

  const hostile = '</span><img src=x onerror="alert(1)"><script>alert(2)</script>\u202e\u0000'
  daemon.append(
    wireAlert({ rule: 'Shell in container', priority: 5, output: 'sh in cart' }),
    wireAlert({ rule: 'Secret read', priority: 2, output: 'cat /etc/shadow' }),
    wireAlert({
      rule: hostile,
      priority: 4,
      output: hostile,
      hostname: hostile,
      output_fields: { [hostile]: hostile, 'k8s.pod.name': hostile, 'proc.name': 'evil' },
    }),
  )
  const { page, faults } = await open(browser, address)
  await shown(page, 3)

  await t.test('filters by priority, rule, pod and text', async (t) => {
    await page.locator('#priority').selectOption('Critical')
    await shown(page, 1)
    t.match(await rows(page).innerText(), /Secret read/)
    t.match(await rows(page).innerText(), /^20\d\d-\d\d-\d\d/, 'of another day')
    await page.locator('#priority').selectOption('Debug')
    await page.getByLabel('Rule').fill('shell')
    await shown(page, 1)
    await page.getByLabel('Rule').fill('')
    await page.getByLabel('Namespace or pod').fill('shop/cart')
    await shown(page, 2)
    await page.getByLabel('Namespace or pod').fill('')
    await page.getByLabel('Text').fill('/ETC/shadow')
    await shown(page, 1)
    t.match(await page.getByRole('status').innerText(), /^1 of 3 alerts · live/)
    await page.getByLabel('Text').fill('')
    await shown(page, 3)
  })

  await t.test('opens details by keyboard, with all fields and a way to Grafana', async (t) => {
    await page.locator('#pause').focus()
    await page.keyboard.press('Tab')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    const details = page.locator('details[open] dl')
    await details.waitFor(WAIT)
    t.match(await details.innerText(), /proc\.name\s+curl/)
    const link = (await details.locator('a').getAttribute('href')) ?? ''
    t.match(link, /^http:\/\/grafana:3000\/explore\?/)
    t.match(decodeURIComponent(link), 'k8s_pod_name=')
    await page.keyboard.press('Enter')
    t.equal(await page.locator('details[open]').count(), 0)
  })

  await t.test('tells a screen reader what is what', async (t) => {
    const tree = await page.locator('body').ariaSnapshot()
    for (const part of [
      /heading "Peregrine" \[level=1\]/,
      /list "In and out":\n\s+- listitem:\n\s+- text: ● well/,
      /search "Filter alerts":/,
      /combobox "At least as urgent as"/,
      /searchbox "Rule"[^]*searchbox "Namespace or pod"[^]*searchbox "Text"/,
      /button "Pause"/,
      /status: 3 of 3 alerts · live/,
      /list "Alerts":\n\s+- listitem:\n\s+- group:/,
      /text: "?Critical Secret read shop\/cart-1 cat \/etc\/shadow/,
    ]) {
      t.match(tree, part)
    }
  })

  await t.test('foreign text stays text', async (t) => {
    const row = rows(page).filter({ hasText: 'onerror' })
    await row.locator('summary').click()
    t.match(await row.innerText(), /<img src=x onerror="alert\(1\)">/)
    t.equal(await page.locator('#alerts img, #alerts script').count(), 0)
  })

  await t.test('says what each way in and out is doing', async (t) => {
    const place = page.locator('#places li').filter({ hasText: 'daemon.sock' })
    t.match(await place.innerText(), /subscribed \(batched\)/)
    t.match(await place.locator('.unseen').textContent(), 'well')
  })

  await t.test('goes on where it was when its connection is cut', async (t) => {
    gate.cut()
    for (let number = 0; number < 5; number++) {
      daemon.append(wireAlert({ rule: `Meanwhile ${number}` }))
    }
    await shown(page, 8)
    const rules = await page.locator('#alerts .rule').allInnerTexts()
    t.equal(new Set(rules).size, 8, 'each once')
  })

  await t.test('waits while paused', async (t) => {
    await page.locator('#pause').click()
    daemon.append(wireAlert({ rule: 'While paused' }))
    await page.getByText('1 waiting').waitFor(WAIT)
    t.equal(await rows(page).count(), 8)
    await page.locator('#pause').click()
    await shown(page, 9)
  })

  await t.test('is light or dark as its reader has it', async (t) => {
    const background = (): Promise<string> =>
      page.evaluate(() => getComputedStyle(document.body).backgroundColor)
    await page.emulateMedia({ colorScheme: 'light' })
    const light = await background()
    await page.emulateMedia({ colorScheme: 'dark' })
    t.not(await background(), light)
  })
  t.same(faults, [], 'nothing from elsewhere, nothing against its own policy')

  await t.test('keeps ten thousand alerts in view, and no more', async (t) => {
    const many = await browser.newPage()
    const alert = (number: number): string =>
      JSON.stringify({
        time: '2026-01-01T00:00:00.000Z',
        priority: number % 100 === 0 ? 'Critical' : 'Notice',
        ...{ rule: `Rule ${number}`, hostname: 'node-a', namespace: 'shop', pod: `cart-${number}` },
        ...{ source: 'syscall', tags: '', output: `alert ${number}`, link: '', fields: {} },
      })
    const body = Array.from(
      { length: 12_000 },
      (_, number) => `id: x-${number}\nevent: alert\ndata: ${alert(number)}\n\n`,
    ).join('')
    let asked = 0
    await many.route('**/alerts', (route) =>
      asked++ === 0
        ? route.fulfill({ contentType: 'text/event-stream', body })
        : route.fulfill({ status: 204 }),
    )
    await many.goto(address)
    await shown(many, 10_000)
    t.match(await many.locator('#alerts > li').first().innerText(), 'alert 11999')
    await many.locator('#priority').selectOption('Critical')
    await shown(many, 100)
  })
})
