/**
 * Opens the page in a real browser and fails on a console error, a request to another host, a page
 * that shows no stations, or a value that does not move.
 *
 *   TRAM_URL         the centre to look at; without it, dist/ and a mock of the centre
 *   TRAM_SCREENSHOT  where to write a picture of the page (PNG)
 *   TRAM_SCHEME      dark (default) or light
 *   TRAM_VIEWPORT    1600x900 (default), or such as 390x844
 *   TRAM_LANGUAGE    the language of the picture: vi (default), en or zh
 *   TRAM_SETTLE_S    seconds to wait before the picture, for a chart to fill (default 2)
 *   TRAM_CHROMIUM    the browser (default /usr/bin/chromium)
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';
import { startMock } from './mock-server.mjs';

const PATIENCE_MS = 45_000;
const ARGUMENTS = [
  '--no-sandbox',
  // A graphics card in software, so that the map is the real one.
  '--use-gl=angle',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

const { env } = process;
const mock = env.TRAM_URL ? null : await startMock();
const url = env.TRAM_URL ?? mock.url;
const [width, height] = (env.TRAM_VIEWPORT ?? '1600x900').split('x').map(Number);
const faults = [];
let passed = 0;
let cutting = false;

const browser = await chromium.launch({
  executablePath: env.TRAM_CHROMIUM ?? '/usr/bin/chromium',
  args: ARGUMENTS,
});
try {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: env.TRAM_SCHEME === 'light' ? 'light' : 'dark',
    timezoneId: 'UTC',
  });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  watch(page, new URL(url).host);

  await step('the page opens', () => page.goto(url, { waitUntil: 'domcontentloaded' }));
  await step('stations appear', () => page.waitForSelector('[data-station]'));
  await step('the feed is live', () => page.waitForSelector('[data-feed=live]'));
  await step('a value moves', () => aValueMoves(page));
  await step('an age ticks', () => anAgeTicks(page));
  await step('the map is drawn', () =>
    page.waitForSelector('[data-graphics=shown] canvas, [data-graphics=none] .svg-map'),
  );
  await step('the chart is drawn', () => page.waitForSelector('[data-chart] canvas'));
  await step('the language changes', () => theLanguageChanges(page));
  await step('the chart has a table', () => theChartHasATable(page));
  await step('nothing stands in the way of a screen reader', () => isAccessible(page));
  if (mock) {
    await step('an alarm is acknowledged by keyboard', () => anAlarmIsAcknowledged(page));
    await step('a draft is approved, and a drill is held', () => aDraftIsApprovedAndADrillHeld(page));
    await step('nothing new stands in the way of a screen reader', () => isAccessible(page));
    await step('a lost connection is said and healed', () => aLostConnection(page, mock));
  }
  await step('the drawing stands in for the map', () => theDrawingStandsIn(context, url));

  await page.click(`.languages button[lang=${env.TRAM_LANGUAGE ?? 'vi'}]`);
  await page.evaluate(() => document.activeElement?.blur());
  await page.waitForTimeout(1000 * Number(env.TRAM_SETTLE_S ?? 2));
  if (env.TRAM_SCREENSHOT) {
    await page.screenshot({ path: env.TRAM_SCREENSHOT, fullPage: width < 800 });
    console.log(`picture: ${env.TRAM_SCREENSHOT}`);
  }
} catch (error) {
  faults.push(error.message);
} finally {
  await browser.close();
  await mock?.stop();
}
for (const fault of faults) console.error(`fault: ${fault}`);
console.log(`${passed} passed, ${faults.length} failed`);
process.exit(faults.length === 0 ? 0 : 1);

async function step(name, act) {
  const began = performance.now();
  try {
    await act();
  } catch (error) {
    throw new Error(`${name}: ${error.message}`);
  }
  passed += 1;
  console.log(`ok  ${name} (${Math.round(performance.now() - began)} ms)`);
}

function watch(page, host) {
  page.on('console', (message) => {
    // A feed that was cut on purpose is reported by the browser as well.
    if (cutting && message.text().includes('ERR_INCOMPLETE_CHUNKED_ENCODING')) return;
    if (message.type() === 'error') faults.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => faults.push(`page: ${error.message}`));
  page.on('request', (request) => {
    const target = new URL(request.url());
    if (['data:', 'blob:'].includes(target.protocol)) return;
    if (target.host !== host) faults.push(`request to another host: ${request.url()}`);
  });
}

function texts(page, selector) {
  return page.$$eval(selector, (all) => all.map((e) => e.textContent));
}

async function aValueMoves(page) {
  await page.waitForSelector('[data-value]');
  const before = await texts(page, '[data-value]');
  await page.waitForFunction(
    (old) => [...document.querySelectorAll('[data-value]')].some((e, i) => e.textContent !== old[i]),
    before,
  );
}

async function anAgeTicks(page) {
  const before = await page.textContent('.clock time');
  await page.waitForFunction((old) => document.querySelector('.clock time')?.textContent !== old, before);
}

async function theLanguageChanges(page) {
  for (const [language, word] of [['en', 'Stations'], ['zh', '站点'], ['vi', 'Trạm đo']]) {
    await page.click(`.languages button[lang=${language}]`);
    await page.waitForFunction(
      ([l, w]) =>
        document.documentElement.lang === l && document.querySelector('#stations-title')?.textContent === w,
      [language, word],
    );
  }
}

async function theChartHasATable(page) {
  await page.keyboard.press('t');
  await page.waitForSelector('.table-host tbody tr');
  await page.keyboard.press('t');
  await page.waitForSelector('[data-chart] canvas');
}

async function isAccessible(page) {
  const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  await page.evaluate(axe);
  const violations = await page.evaluate(async () => {
    const result = await globalThis.axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'],
    });
    return result.violations.map((v) => `${v.id} at ${v.nodes.map((n) => n.target.join(' ')).slice(0, 4).join(', ')}`);
  });
  if (violations.length > 0) throw new Error(violations.join('; '));
}

async function anAlarmIsAcknowledged(page) {
  await page.waitForSelector('.place-active .alarm');
  await page.keyboard.press('a');
  await page.fill('dialog [name=by]', 'Lý A Sử');
  await page.fill('dialog [name=comment]', 'Đã báo Ban chỉ huy');
  await page.keyboard.press('Tab');
  await page.click('dialog [type=submit]');
  await page.waitForSelector('dialog', { state: 'detached' });
  await page.waitForFunction(() => document.querySelector('.place-acked')?.textContent?.includes('Lý A Sử'));
}

async function aDraftIsApprovedAndADrillHeld(page) {
  await page.click('[data-alarm=f3] .alarm-buttons .grave');
  await page.fill('dialog [name=by]', 'Lê Thị Chi');
  await page.click('dialog [type=submit]');
  await page.waitForSelector('dialog', { state: 'detached' });
  await page.waitForFunction(() => document.querySelector('[data-alarm=f3]')?.textContent?.includes('Lê Thị Chi'));
  await page.click('[data-alarm=f3] .receipts summary');
  await page.waitForFunction(() => document.querySelector('[data-alarm=f3] .receipts')?.textContent?.includes('Lò Thị Mai'));
  await page.click('.begin-drill');
  await page.waitForSelector('dialog [name=station]');
  await page.fill('dialog [name=by]', 'Lê Thị Chi');
  await page.click('dialog [type=submit]');
  await page.waitForSelector('dialog', { state: 'detached' });
  await page.waitForSelector('.tag-drill');
  if (env.TRAM_SCREENSHOT_ACTING) await page.screenshot({ path: env.TRAM_SCREENSHOT_ACTING });
}

async function aLostConnection(page, centre) {
  cutting = true;
  centre.dropFeeds();
  await page.waitForSelector('[data-banner]');
  if (env.TRAM_SCREENSHOT_LOST) await page.screenshot({ path: env.TRAM_SCREENSHOT_LOST });
  await page.waitForSelector('[data-feed=live]');
  await page.waitForSelector('[data-banner]', { state: 'detached' });
  cutting = false;
}

async function theDrawingStandsIn(context, address) {
  const page = await context.newPage();
  watch(page, new URL(address).host);
  await page.goto(new URL('?map=svg', address).href);
  await page.waitForSelector('[data-graphics=none] .svg-map .pin');
  if (env.TRAM_SCREENSHOT_SVG) {
    await page.waitForSelector('[data-chart] canvas');
    await page.screenshot({ path: env.TRAM_SCREENSHOT_SVG });
  }
  await page.close();
}
