#!/usr/bin/env node
// Looks at pages for people in a browser, with tools that nobody here wrote.
//
//     npm install playwright-core@1.65.1 axe-core@4.14.1    (and Debian's chromium, at /usr/bin/chromium)
//     cargo run -p meterbox-statement --example prepare -- FOLDER
//     NODE_PATH=…/node_modules node tests/foreign/pages.js FOLDER
//
// Every `*.html` in the folder is opened on a phone and on a desktop in the dark, a report and an invoice also in the
// light, in the dark, and for print. It must ask the network for nothing, write nothing to the console, be no wider than the screen, and
// axe-core must find no fault in it, contrast included. Tampered copies must be found at the fault that they were
// given: that shows that each of these is looked at.

const fs = require('fs');
const os = require('os');
const path = require('path');
const { chromium } = require('playwright-core');
const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const QUIET = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];
// Print: A4 less its margins.
const VIEWS = [
  { name: 'phone', width: 390, height: 844, colorScheme: 'light' },
  { name: 'phone, dark', width: 390, height: 844, colorScheme: 'dark' },
  { name: 'desktop', width: 1280, height: 900, colorScheme: 'light' },
  { name: 'desktop, dark', width: 1280, height: 900, colorScheme: 'dark' },
  { name: 'print', width: 688, height: 1123, colorScheme: 'light', media: 'print' },
];

// One page of each kind in all views; the others differ from it in what they say, not in how.
const OF_ALL = ['report.html', 'standard.html'];
const OTHERS = VIEWS.filter((view) => ['phone', 'desktop, dark'].includes(view.name));

async function faults(browser, file, view) {
  const context = await browser.newContext({
    viewport: { width: view.width, height: view.height }, colorScheme: view.colorScheme, bypassCSP: false,
  });
  const page = await context.newPage();
  const found = [];
  const own = 'file://' + file;
  page.on('request', (request) => { if (request.url() !== own) found.push('asks for ' + request.url()); });
  page.on('console', (message) => found.push('console: ' + message.text()));
  page.on('pageerror', (error) => found.push('script: ' + error));
  await page.emulateMedia({ media: view.media || 'screen', colorScheme: view.colorScheme });
  await page.goto(own);
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (wider > 0) found.push(`${wider} pixels wider than the screen`);
  await page.evaluate(axe);
  const report = await page.evaluate(() => axe.run(document));
  for (const violation of report.violations) {
    const first = violation.nodes[0];
    found.push(`${violation.id}: ${violation.help} (${violation.nodes.length}): ${first.html.slice(0, 160)}`);
  }
  if (report.passes.length < 10) found.push(`only ${report.passes.length} rules of axe-core applied`);
  await context.close();
  return found;
}

// Copies that somebody changed: of which page, what of it, and the fault by which it has to be found.
const TAMPERED = [
  ['report.html', 'a picture from elsewhere', 'asks for https://example.org',
    (text) => text.replace('<main>', '<main><img alt="" src="https://example.org/a.png">')],
  ['report.html', 'text that cannot be read', 'color-contrast',
    (text) => text.replace('<style>', '<style>p,td{color:#888 !important;background:#999 !important}')],
  ['report.html', 'a plot without its name', 'svg-img-alt',
    (text) => text.replace(/(<svg class="columns"[^>]*?) aria-label="[^"]*"><title>[^<]*<\/title>/, '$1>')],
  ['report.html', 'a heading left out', 'heading-order', (text) => text.replaceAll(/<(\/?)h2/g, '<$1h5')],
  ['standard.html', 'a table wider than the screen', 'pixels wider than the screen',
    (text) => text.replace('<main>', '<main><p style="width:3000px">x</p>')],
  ['standard.html', 'no language', 'html-has-lang', (text) => text.replace('<html lang="en">', '<html>')],
  ['standard.html', 'a script', 'console: ', (text) => text.replace('<main>', '<main><script>console.log(1)</script>')],
  ['standard.html', 'a table that no key reaches', 'scrollable-region-focusable',
    (text) => text.replace('<div class="scroll" tabindex="0"', '<div class="scroll"')
      .replace('</style>', '.scroll{width:90px}table,table *{display:revert !important}</style>')],
];

async function main() {
  const folder = process.argv[2];
  const names = folder ? fs.readdirSync(folder).filter((name) => name.endsWith('.html')).sort() : [];
  if (names.length === 0) throw new Error('usage: pages.js FOLDER, with *.html in it');
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: QUIET });
  let failures = 0;
  const say = (line) => { console.log(line); failures += 1; };
  for (const name of names) {
    const views = OF_ALL.includes(name) ? VIEWS : OTHERS;
    // Side by side: each is a process of its own.
    const all = await Promise.all(views.map((view) => faults(browser, path.resolve(folder, name), view)));
    all.forEach((found, at) => found.forEach((fault) => say(`${name} (${views[at].name}): ${fault}`)));
  }
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'pages-'));
  for (const [name, change, fault, tamper] of TAMPERED) {
    const original = fs.readFileSync(path.join(folder, name), 'utf8');
    const text = tamper(original);
    const file = path.join(scratch, 'tampered.html');
    fs.writeFileSync(file, text);
    const found = await faults(browser, file, VIEWS[0]);
    if (text === original) say(`${name} has nothing that ${change} would change`);
    if (!found.some((one) => one.includes(fault))) say(`${name} with ${change} is not found by ${fault}: ${found.join('; ')}`);
  }
  fs.rmSync(scratch, { recursive: true });
  await browser.close();
  if (failures > 0) throw new Error(`${failures} faults`);
  const missing = OF_ALL.filter((name) => !names.includes(name));
  if (missing.length > 0) throw new Error(`there is no ${missing.join(', ')}`);
  console.log(`${names.length} pages in up to ${VIEWS.length} views without a fault, every tampered copy found out`);
}

main().catch((error) => { console.error(String(error.message || error)); process.exit(1); });
