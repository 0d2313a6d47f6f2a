// The signature of a receipt, by the crypto module of Node 20: `node dsse.js FOLDER`, where `foreign-inputs` has
// written. What was signed is put together here, by the text of DSSE, and not by Meterbox.
'use strict';
const { verify } = require('node:crypto');
const { readFileSync, readdirSync } = require('node:fs');
const { join } = require('node:path');

const folder = process.argv[2];
const read = (name) => readFileSync(join(folder, name));

function signed(name, key) {
  const envelope = JSON.parse(read(name));
  const payload = Buffer.from(envelope.payload, 'base64');
  const type = envelope.payloadType;
  const head = `DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.length} `;
  const signature = Buffer.from(envelope.signatures[0].sig, 'base64');
  return verify(null, Buffer.concat([Buffer.from(head), payload]), read(key).toString(), signature);
}

function must(holds, what) {
  if (!holds) {
    console.error(`error: ${what}`);
    process.exit(1);
  }
}

must(signed('receipt.json', 'key.pem'), 'Node refuses the receipt');
must(!signed('receipt.json', 'other-key.pem'), 'Node accepts another key');
const tampered = readdirSync(folder).filter((name) => /^tampered-.*\.receipt\.json$/.test(name));
must(tampered.length >= 3, 'there are no tampered receipts to refuse');
for (const name of tampered) {
  must(!signed(name, 'key.pem'), `Node accepts ${name}`);
}
for (const [name, key] of [['offer.json', 'key.pem'], ['order.json', 'other-key.pem'], ['acceptance.json', 'other-key.pem'],
  ['dispute.json', 'other-key.pem'], ['credit.json', 'key.pem']]) {
  must(signed(name, key), `Node refuses ${name}`);
}
console.log(`Node: receipt and 5 other documents accepted, ${tampered.length} tampered ones and another key refused`);
