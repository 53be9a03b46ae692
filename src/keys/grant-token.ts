import { hash, randomBytes } from 'node:crypto';
import type { Scope } from '../arn.ts';
import type { Grant } from './grant.ts';

/** Which grant a grant token names. */
export interface NamedGrant extends Scope {
  readonly keyId: string;
  readonly grantId: string;
}

/**
 * A grant token is a name and no secret (AWS KMS developer guide, "Grant token"): whoever shows one gets nothing
 * that the grant, as the store has it, doesn't give. So it has no key, and is good on every node at once.
 *
 *     version 1 B ‖ grant id 32 B ‖ what makes it unique 8 B ‖ checksum 8 B ‖ `<region>/<account>/<key id>`
 */
const version = 1;
const idBytes = 32;
const uniqueBytes = 8;
const checksumBytes = 8;
const headBytes = 1 + idBytes + uniqueBytes + checksumBytes;
/** Of the longest region, account and key id there are, with room to spare. */
const longest = 512;
const place = /^([a-z0-9-]+)\/(\d{12})\/([A-Za-z0-9-]+)$/;

function checksum(head: Buffer, where: string): Buffer {
  const text = `coffer grant token\n${head.toString('hex')}\n${where}`;
  return hash('sha256', text, 'buffer').subarray(0, checksumBytes);
}

/** Another text each time; all that name a grant are as good. */
export function writeGrantToken({ region, account, keyId, grantId }: Grant | NamedGrant): string {
  const head = Buffer.concat([Buffer.of(version), Buffer.from(grantId, 'hex'), randomBytes(uniqueBytes)]);
  const where = `${region}/${account}/${keyId}`;
  return Buffer.concat([head, checksum(head, where), Buffer.from(where, 'latin1')]).toString('base64url');
}

/** @returns `undefined` where it is no grant token */
export function readGrantToken(token: string): NamedGrant | undefined {
  if (token.length > longest) return undefined;
  const bytes = Buffer.from(token, 'base64url');
  if (bytes.toString('base64url') !== token) return undefined;
  if (bytes.length <= headBytes || bytes[0] !== version) return undefined;
  const head = bytes.subarray(0, headBytes - checksumBytes);
  const where = bytes.subarray(headBytes).toString('latin1');
  if (!checksum(head, where).equals(bytes.subarray(head.length, headBytes))) return undefined;
  const [, region, account, keyId] = place.exec(where) ?? [];
  if (region === undefined || account === undefined || keyId === undefined) return undefined;
  return { region, account, keyId, grantId: head.subarray(1, 1 + idBytes).toString('hex') };
}
