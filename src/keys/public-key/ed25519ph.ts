/**
 * Ed25519ph (RFC 8032 §5.1), which Node doesn't verify. Nothing of a verification is secret, so nothing is done in
 * constant time.
 */
import { hash, type KeyObject } from 'node:crypto';

const prime = 2n ** 255n - 19n;
const order = 2n ** 252n + 27742317777372353535851937790883648493n;
const d = modulo(-121665n * power(121666n, prime - 2n));
/** A square root of −1. */
const root = power(2n, (prime - 1n) / 4n);
/** dom2 with the flag of the prehashed form and no context. */
const domain = Buffer.concat([Buffer.from('SigEd25519 no Ed25519 collisions', 'latin1'), Buffer.of(1, 0)]);

/** x = X/Z, y = Y/Z, x·y = T/Z (§5.1.4). */
interface Point {
  readonly x: bigint;
  readonly y: bigint;
  readonly z: bigint;
  readonly t: bigint;
}

const identity: Point = { x: 0n, y: 1n, z: 1n, t: 0n };

/** @param message which is hashed here, once @param signature 64 bytes, or none of a key's */
export function verifyEd25519ph(key: KeyObject, message: Buffer, signature: Buffer): boolean {
  const publicKey = Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url');
  const a = decode(publicKey);
  const s = littleEndian(signature.subarray(32));
  if (signature.length !== 64 || a === undefined || s >= order) return false;
  const r = signature.subarray(0, 32);
  const input = Buffer.concat([domain, r, publicKey, hash('sha512', message, 'buffer')]);
  const k = littleEndian(hash('sha512', input, 'buffer')) % order;
  // R = s·B − k·A, as it is encoded: a point has one encoding, and R must be that.
  const minusA = { ...a, x: prime - a.x, t: prime - a.t };
  return encode(sum(s, base, k, minusA)).equals(r);
}

/** first·p + second·q, of factors below 2^253. */
function sum(first: bigint, p: Point, second: bigint, q: Point): Point {
  const both = add(p, q);
  let total = identity;
  for (let bit = 252n; bit >= 0n; bit -= 1n) {
    total = add(total, total);
    const inFirst = (first >> bit) & 1n;
    const inSecond = (second >> bit) & 1n;
    if (inFirst & inSecond) total = add(total, both);
    else if (inFirst) total = add(total, p);
    else if (inSecond) total = add(total, q);
  }
  return total;
}

/** Complete: also of a point and itself (§5.1.4). */
function add(p: Point, q: Point): Point {
  const a = ((p.y - p.x) * (q.y - q.x)) % prime;
  const b = ((p.y + p.x) * (q.y + q.x)) % prime;
  const c = (2n * p.t * q.t * d) % prime;
  const f = 2n * p.z * q.z;
  const e = b - a;
  const h = b + a;
  return {
    x: modulo(e * (f - c)),
    y: modulo((f + c) * h),
    z: modulo((f - c) * (f + c)),
    t: modulo(e * h),
  };
}

/** (§5.1.3) @returns `undefined` where no point has this encoding */
function decode(bytes: Buffer): Point | undefined {
  if (bytes.length !== 32) return undefined;
  const encoded = littleEndian(bytes);
  const sign = encoded >> 255n;
  const y = encoded & (2n ** 255n - 1n);
  if (y >= prime) return undefined;
  const square = modulo((y * y - 1n) * power(d * y * y + 1n, prime - 2n));
  let x = power(square, (prime + 3n) / 8n);
  if (modulo(x * x - square) !== 0n) x = modulo(x * root);
  if (modulo(x * x - square) !== 0n || (x === 0n && sign === 1n)) return undefined;
  if ((x & 1n) !== sign) x = prime - x;
  return { x, y, z: 1n, t: modulo(x * y) };
}

/** (§5.1.2) */
function encode({ x, y, z }: Point): Buffer {
  const inverse = power(z, prime - 2n);
  const sign = modulo(x * inverse) & 1n;
  const text = (modulo(y * inverse) | (sign << 255n)).toString(16).padStart(64, '0');
  return Buffer.from(text, 'hex').reverse();
}

function littleEndian(bytes: Buffer): bigint {
  return BigInt(`0x0${Buffer.from(bytes).reverse().toString('hex')}`);
}

function modulo(value: bigint): bigint {
  const rest = value % prime;
  return rest < 0n ? rest + prime : rest;
}

function power(value: bigint, exponent: bigint): bigint {
  let result = 1n;
  let factor = modulo(value);
  for (let left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = (result * factor) % prime;
    factor = (factor * factor) % prime;
  }
  return result;
}

/** The base point: y = 4/5, and x is even. */
const base = decode(Buffer.from(`58${'66'.repeat(31)}`, 'hex')) ?? identity;
