import { createHash } from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { z } from 'zod';
import type { Session } from './principal.ts';

/**
 * A session token is the only place where temporary credentials are kept: base64 of
 *
 *     version 1 B ‖ sealed secret 68 B ‖ claims (JSON, deflated: RFC 1951)
 *
 * INVARIANT: claims mean nothing until a token host has opened the secret under `sessionAad`, which binds it to the
 * access key id and to every byte of the claims.
 */
const version = 1;
/** IV, 40 characters and tag, as a token host seals them. */
const sealedBytes = 12 + 40 + 16;
/** Whose base64 has 4,096 characters: a request with it still fits the header limits of whatever lies between. */
const longestToken = 3_072;
export const maximalPackedBytes = longestToken - 1 - sealedBytes;
/** Bytes of JSON; no request can bring as many, with every character escaped. */
const maximalClaims = 256 * 1_024;

/** Whose temporary credentials these are, and what they were given with. */
export interface SessionClaims {
  readonly type: 'Root' | 'User' | 'Role';
  /** The unique id of the user or role, the account's number of a root. */
  readonly id: string;
  readonly account: string;
  readonly session: Session;
}

const pair = z.tuple([z.string(), z.string()]);
const written = z.strictObject({
  type: z.enum(['Root', 'User', 'Role']),
  id: z.string(),
  account: z.string(),
  issued: z.int(),
  expires: z.int(),
  name: z.string().optional(),
  policy: z.string().optional(),
  arns: z.array(z.string()).optional(),
  tags: z.array(pair).optional(),
  transitive: z.array(z.string()).optional(),
  source: z.string().optional(),
});

/** The claims as a token carries them: the same bytes for the same claims. */
export function packClaims({ type, id, account, session }: SessionClaims): Buffer {
  const { issuedAt, expiresAt, name, policy, policyArns, tags, transitiveTagKeys, sourceIdentity } = session;
  const given = <T>(items: readonly T[]) => (items.length === 0 ? undefined : items);
  const json = JSON.stringify({
    type,
    id,
    account,
    issued: issuedAt,
    expires: expiresAt,
    name,
    policy,
    arns: given(policyArns),
    tags: given(tags.map(({ key, value }) => [key, value])),
    transitive: given(transitiveTagKeys),
    source: sourceIdentity,
  });
  return deflateRawSync(json, { level: 9 });
}

/** @param packed proved by its seal @throws Error where it is not what `packClaims` makes */
export function unpackClaims(packed: Buffer): SessionClaims {
  const json = inflateRawSync(packed, { maxOutputLength: maximalClaims }).toString('utf8');
  const { type, id, account, issued, expires, name, policy, arns, tags, transitive, source } = written.parse(
    JSON.parse(json),
  );
  return {
    type,
    id,
    account,
    session: {
      issuedAt: issued,
      expiresAt: expires,
      name,
      policy,
      policyArns: arns ?? [],
      tags: (tags ?? []).map(([key, value]) => ({ key, value })),
      transitiveTagKeys: transitive ?? [],
      sourceIdentity: source,
    },
  };
}

/** The bytes that bind a sealed secret to its access key id and its claims. */
export function sessionAad(accessKeyId: string, packed: Buffer): Buffer {
  const claims = createHash('sha256').update(packed).digest('hex');
  return Buffer.from(`coffer session\n${accessKeyId}\n${claims}`, 'utf8');
}

export interface SessionToken {
  readonly sealedSecret: Buffer;
  readonly packed: Buffer;
}

export function writeToken({ sealedSecret, packed }: SessionToken): string {
  if (sealedSecret.length !== sealedBytes) throw new RangeError('a sealed secret of another length');
  return Buffer.concat([Buffer.of(version), sealedSecret, packed]).toString('base64');
}

/**
 * Takes a token apart; it proves nothing yet.
 * @returns `undefined` for what `writeToken` never makes, also for another spelling of the same bytes
 */
export function readToken(token: string): SessionToken | undefined {
  if (token.length > (longestToken / 3) * 4) return undefined;
  const bytes = Buffer.from(token, 'base64');
  if (bytes.length <= 1 + sealedBytes || bytes[0] !== version || bytes.toString('base64') !== token) {
    return undefined;
  }
  return { sealedSecret: bytes.subarray(1, 1 + sealedBytes), packed: bytes.subarray(1 + sealedBytes) };
}
