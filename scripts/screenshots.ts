/**
 * Takes the pictures of docs/images: the real daemon, real containers of Podman, the real page in
 * Chromium. As root, after `npm test -- e2e` has set up what it needs:
 *   node dist/scripts/screenshots.js
 */
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { runExporter, until } from '../test/exporter/support/exporter.js'
import { startLoki } from '../test/exporter/support/loki.js'
import { ROOT, startDaemon } from '../test/e2e/support/daemon.js'
import { IMAGE, startPodman } from '../test/e2e/support/podman.js'

const CHROMIUM = '/usr/bin/chromium'
const SIZE = { width: 1280, height: 800 }
/** In the order in which they are done; the page shows the last one first. */
const DEEDS = [
  ['shop-cart', 'sh', '-c', 'cat /etc/shadow; true'],
  ['shop-pay', 'cat', '/etc/shadow'],
  ['shop-pay', 'sh', '-c', 'rm -rf /var/log/messages; ln -s /etc/shadow /tmp/s; true'],
  ['shop-cart', 'grep', '-r', 'BEGIN PRIVATE', '/etc/ssl'],
  ['shop-web', 'find', '/', '-name', 'id_rsa'],
  ['shop-web', 'sh', '-c', 'echo x > /etc/passwd; mkdir -p /bin/x; true'],
] as const

const steps: (() => unknown)[] = []
const t = { teardown: (step: () => unknown) => steps.push(step) }
try {
  const podman = await startPodman(t, [
    ...['sh', 'cat', 'grep', 'find', 'ln', 'rm', 'mkdir', 'sleep', 'true'],
  ])
  const daemon = await startDaemon(t, {
    rules: [],
    withDefaultRules: true,
    args: ['--runtime-socket', `podman=${podman.socket}`],
    environment: { NODE_NAME: 'node-a' },
  })
  const loki = await startLoki()
  t.teardown(loki.close)
  const exporter = await runExporter(t, [
    ...['--falco', daemon.address, '--state-dir', ':temporary:', '--loki-url', loki.url],
    ...['--pod-name-from', 'container', '--grafana-url', 'http://127.0.0.1:3000'],
  ])
  for (const name of new Set(DEEDS.map(([container]) => container))) {
    // The image has none of the files that are of interest.
    const files = 'for f in shadow passwd pam.conf; do echo x > /etc/$f; done; sleep 600'
    podman.podman('run', '-d', '--name', name, IMAGE, '/bin/sh', '-c', files)
  }
  for (const [container, ...command] of DEEDS) {
    try {
      podman.podman('exec', container, ...command)
    } catch {
      // The deed failed in the container, and was done all the same.
    }
  }
  await until('all is shipped', () => loki.entries.length > 2)
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
  t.teardown(() => browser.close())
  for (const colorScheme of ['light', 'dark'] as const) {
    const page = await browser.newPage({ colorScheme, viewport: SIZE })
    await page.goto(exporter.address)
    await page.getByLabel('Namespace or pod').fill('shop')
    const rows = page.locator('#alerts > li:not([hidden])')
    await rows.first().waitFor()
    await page.waitForTimeout(1500)
    await rows.last().locator('summary').click()
    await page.mouse.move(0, 0)
    await page.screenshot({ path: join(ROOT, `docs/images/page-${colorScheme}.png`) })
  }
} finally {
  for (const step of steps.toReversed()) await step()
}
