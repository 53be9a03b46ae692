/**
 * ECDSA over a digest (FIPS 186-5 §6.4.2). Node verifies messages alone, which it hashes itself, so the equation is
 * checked here; what is heavy in it, the multiplication of points, is Node's. Nothing of it is secret.
 */
import { createECDH, type KeyObject } from 'node:crypto';
import { decodeEcdsa } from '../../der.ts';
import { type CurveName, curves } from '../spec/curve.ts';

interface Point {
  readonly x: bigint;
  readonly y: bigint;
}

/**
 * @param digest no longer than the order of the curve
 * @param signature ECDSA-Sig-Value in DER (RFC 3279 §2.2.3)
 */
export function verifyDigest(key: KeyObject, curve: CurveName, digest: Buffer, signature: Buffer): boolean {
  const { prime, order } = curves[curve];
  const parsed = decodeEcdsa(signature);
  if (parsed === undefined) return false;
  const r = toInteger(parsed.r);
  const s = toInteger(parsed.s);
  if (r < 1n || r >= order || s < 1n || s >= order) return false;
  // R = (z/s)·G + (r/s)·Q = (r/s)·(Q + (z/r)·G): so of the last product only x is needed, which is what ECDH tells.
  const bytes = Math.ceil(prime.toString(16).length / 2);
  const shift = modulo(toInteger(digest) * inverse(r, order), order);
  const shifted = add(publicPoint(key), multiple(curve, shift, bytes), curve);
  if (shifted === undefined) return false;
  const ecdh = createECDH(curve);
  ecdh.setPrivateKey(toBytes(modulo(r * inverse(s, order), order), bytes));
  const encoded = Buffer.concat([Buffer.of(4), toBytes(shifted.x, bytes), toBytes(shifted.y, bytes)]);
  return modulo(toInteger(ecdh.computeSecret(encoded)), order) === r;
}

function publicPoint(key: KeyObject): Point {
  const { x = '', y = '' } = key.export({ format: 'jwk' });
  return { x: toInteger(Buffer.from(x, 'base64url')), y: toInteger(Buffer.from(y, 'base64url')) };
}

/** The base point times a factor; `undefined` is the point at infinity. */
function multiple(curve: CurveName, factor: bigint, bytes: number): Point | undefined {
  if (factor === 0n) return undefined;
  const ecdh = createECDH(curve);
  ecdh.setPrivateKey(toBytes(factor, bytes));
  const point = ecdh.getPublicKey();
  return { x: toInteger(point.subarray(1, 1 + bytes)), y: toInteger(point.subarray(1 + bytes)) };
}

/** The sum of two points (SEC 1 §2.2.1). */
function add(left: Point, right: Point | undefined, curve: CurveName): Point | undefined {
  if (right === undefined) return left;
  const { prime, a } = curves[curve];
  let slope: bigint;
  if (left.x !== right.x) {
    slope = (right.y - left.y) * inverse(modulo(right.x - left.x, prime), prime);
  } else if (left.y === right.y && left.y !== 0n) {
    slope = (3n * left.x * left.x + a) * inverse(2n * left.y, prime);
  } else {
    return undefined;
  }
  const x = modulo(slope * slope - left.x - right.x, prime);
  return { x, y: modulo(slope * (left.x - x) - left.y, prime) };
}

function modulo(value: bigint, modulus: bigint): bigint {
  const rest = value % modulus;
  return rest < 0n ? rest + modulus : rest;
}

/** By the extended algorithm of Euclid. @param modulus a prime that doesn't divide the value */
function inverse(value: bigint, modulus: bigint): bigint {
  let [remainder, next] = [modulus, modulo(value, modulus)];
  let [factor, following] = [0n, 1n];
  while (next !== 0n) {
    const quotient = remainder / next;
    [remainder, next] = [next, remainder - quotient * next];
    [factor, following] = [following, factor - quotient * following];
  }
  return modulo(factor, modulus);
}

function toInteger(bytes: Buffer): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${bytes.toString('hex')}`);
}

function toBytes(value: bigint, length: number): Buffer {
  return Buffer.from(value.toString(16).padStart(2 * length, '0'), 'hex');
}
