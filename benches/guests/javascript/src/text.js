"use strict";
function words(count) {
  const syllables = ["ka", "to", "mi", "re", "lun", "sor", "ba", "nex"];
  const made = [];
  let state = 12345;
  for (let i = 0; i < count; i += 1) {
    let word = "";
    state = (state * 1103515245 + 12345) % 2147483648;
    for (let k = 0; k < 1 + (state >> 8) % 3; k += 1) {
      word += syllables[(state >> (3 * k + 4)) & 7];
    }
    made.push(word);
  }
  return made;
}

function main(n) {
  const text = words(n).join(" ");
  const counts = new Map();
  for (const word of text.split(" ")) {
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const sorted = [...counts.entries()].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  const json = JSON.stringify(sorted.map(([word, count]) => ({ word, count })));
  let sum = JSON.parse(json).reduce((total, entry, index) => total + entry.count * (index + 1), 0);
  const matches = text.match(/\b(ka|to)[a-z]*n\b/g) ?? [];
  sum += matches.length * 1000;
  let hash = 0;
  const upper = text.toUpperCase();
  for (let i = 0; i < upper.length; i += 5) {
    hash = (hash * 33 + upper.charCodeAt(i)) % 1000003;
  }
  return sum + hash;
}
