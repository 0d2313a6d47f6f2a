// The page that verifies receipts, in Chromium by playwright-core 1.65.1: `node verify-page.js FOLDER PAGE [SHOTS]`,
// where `foreign-inputs` has written to FOLDER and PAGE is docs/verify.html. Screenshots go to SHOTS, if given.
'use strict';
const { readFileSync } = require('node:fs');
const { join, resolve } = require('node:path');
const { chromium } = require('playwright-core');

const [folder, page, shots] = process.argv.slice(2);
const read = (name) => readFileSync(join(folder, name), 'utf8');
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];

function must(holds, what) {
  if (!holds) throw new Error(what);
}

// What the page says of these files: the class of its verdict, its text, and the rows.
async function ask(tab, files) {
  await tab.click('button[type=reset]');
  for (const [field, name] of Object.entries(files)) {
    await tab.setInputFiles(`input[data-for=${field}]`, join(folder, name));
    await tab.waitForFunction((field) => document.getElementById(field).value !== '', field);
  }
  await tab.click('button[type=submit]');
  await tab.waitForSelector('#result:not([hidden])');
  return tab.evaluate(() => ({
    verdict: document.getElementById('verdict').className,
    text: document.getElementById('verdict').textContent,
    rows: Object.fromEntries([...document.querySelectorAll('#checks li')].map((row) =>
      [row.querySelector('b').textContent, row.className])),
    lines: document.querySelectorAll('#lines li').length,
    total: document.getElementById('total').textContent,
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  }));
}

async function look(browser, name, settings) {
  const context = await browser.newContext({ ...settings, offline: true });
  const tab = await context.newPage();
  const asked = [];
  const errors = [];
  tab.on('request', (request) => asked.push(request.url()));
  tab.on('pageerror', (error) => errors.push(error.message));
  tab.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
  await tab.goto(`file://${resolve(page)}`);
  const all = { receipt: 'receipt.json', key: 'key.pem', card: 'card.toml', proof: 'receipt.tlog-proof' };

  const good = await ask(tab, all);
  must(good.verdict === 'valid', `${name}: the receipt is ${good.verdict}: ${good.text}`);
  must(Object.values(good.rows).join() === 'passed,passed,passed,passed,passed,passed', `${name}: ${JSON.stringify(good.rows)}`);
  must(good.lines === 3 && good.total === '0.002204331000000002 USD', `${name}: the explanation is ${good.lines} lines, ${good.total}`);
  must(good.overflow <= 0, `${name}: the page is ${good.overflow} pixels too wide`);
  if (shots) await tab.screenshot({ path: join(shots, `${name}-valid.png`), fullPage: true });

  const bare = await ask(tab, { receipt: 'receipt.json' });
  must(bare.verdict === 'unknown_signer', `${name}: without a key the receipt is ${bare.verdict}`);

  const refused = [
    ['tampered-payload.receipt.json', 'Signature', '`total` is 0.001204331000000002, it should be 0.002204331000000002'],
    ['tampered-signature.receipt.json', 'Signature', 'the signature does not fit the payload'],
    ['tampered-type.receipt.json', 'Form', 'application/vnd.meterbox.order+json'],
    ['dearer.receipt.json', 'Arithmetic', '`total` is 1, it should be 0.002204331000000002'],
    ['order.json', 'Form', 'application/vnd.meterbox.order+json'],
  ];
  for (const [file, row, words] of refused) {
    const bad = await ask(tab, { ...all, receipt: file });
    must(bad.verdict === 'refused' && bad.rows[row] === 'failed', `${name}: ${file} is ${bad.verdict}: ${JSON.stringify(bad.rows)}`);
    must(bad.text.includes(words), `${name}: ${file}: ${bad.text}`);
    must(bad.overflow <= 0, `${name}: the page is ${bad.overflow} pixels too wide`);
    if (shots && row === 'Arithmetic') await tab.screenshot({ path: join(shots, `${name}-refused.png`), fullPage: true });
  }
  const wrong = await ask(tab, { ...all, card: 'default.card.toml', proof: 'tampered.tlog-proof' });
  must(wrong.verdict === 'refused' && wrong.rows.Prices === 'failed' && wrong.rows.Log === 'failed', `${name}: ${JSON.stringify(wrong.rows)}`);
  const stranger = await ask(tab, { ...all, key: 'other-key.pem' });
  must(stranger.verdict === 'refused' && stranger.rows.Signature === 'failed', `${name}: another key is ${stranger.verdict}`);

  // Files that are dropped find their fields themselves.
  await tab.click('button[type=reset]');
  const dropped = Object.values(all).map((file) => [file, read(file)]);
  await tab.evaluate((dropped) => {
    const data = new DataTransfer();
    for (const [name, text] of dropped) data.items.add(new File([text], name));
    document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
  }, dropped);
  await tab.waitForSelector('#verdict.valid');
  // Every control has a name, and the keyboard reaches the button.
  const unnamed = await tab.evaluate(() => [...document.querySelectorAll('textarea, input')]
    .filter((control) => control.labels.length === 0 && !control.ariaLabel).length);
  must(unnamed === 0, `${name}: ${unnamed} controls have no name`);
  await tab.focus('#receipt');
  await tab.keyboard.press('Tab');
  must(await tab.evaluate(() => document.activeElement.dataset.for === 'receipt'), `${name}: Tab does not go on`);

  must(errors.length === 0, `${name}: the page had errors: ${errors.join('; ')}`);
  must(asked.every((url) => url.startsWith('file:')), `${name}: the page reached for ${asked.join(' ')}`);
  await context.close();
  return refused.length + 2;
}

(async () => {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS });
  try {
    let refused = 0;
    refused += await look(browser, 'desktop', { viewport: { width: 1280, height: 900 } });
    refused += await look(browser, 'phone-dark', { viewport: { width: 360, height: 740 }, colorScheme: 'dark', isMobile: true });
    console.log(`Chromium: receipt valid on a desktop and a phone; ${refused} tampered or foreign inputs refused; no request left the page`);
  } finally {
    await browser.close();
  }
})().catch((error) => {
  console.error(`error: ${error.message}`);
  process.exit(1);
});
