"use strict";
function sieve(limit) {
  const composite = new Uint8Array(limit + 1);
  let primes = 0;
  for (let i = 2; i <= limit; i += 1) {
    if (composite[i]) continue;
    primes += 1;
    for (let k = i * i; k <= limit; k += i) composite[k] = 1;
  }
  return primes;
}

function fib(n) {
  return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

function product(size) {
  const a = [];
  const b = [];
  for (let i = 0; i < size; i += 1) {
    a.push(Array.from({ length: size }, (_, k) => (i * k) % 7 + 0.5));
    b.push(Array.from({ length: size }, (_, k) => (i + k) % 5 - 1.25));
  }
  let trace = 0;
  for (let i = 0; i < size; i += 1) {
    for (let k = 0; k < size; k += 1) {
      let sum = 0;
      for (let l = 0; l < size; l += 1) sum += a[i][l] * b[l][k];
      trace += i === k ? sum : sum / 1024;
    }
  }
  return trace;
}

function main(n) {
  return sieve(n * 500) + fib(n) + product(n);
}
