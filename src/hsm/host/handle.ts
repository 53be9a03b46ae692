/** Finding a key's handle, once: SoftHSM takes 17 µs to find for each object in the token. */
import type graphene from 'graphene-pk11';
import { Failure } from './failure.ts';
import { checkpointLabel, findKeys, labelOf, materialLabel } from './object.ts';
import { findHalves } from './pair.ts';
import type { Token } from './token.ts';

/**
 * The handle of a material's key.
 * @param material key id and material id, 32 bytes
 * @param mismatch what it is where the material is another key's: the caller's mistake or ours
 * @throws Failure `missing-object`, or `unavailable` where the token shows nothing at all
 */
export function materialHandle(
  token: Token,
  material: Buffer,
  mismatch: 'invalid-ciphertext' | 'internal',
): Buffer {
  const cacheKey = material.toString('latin1', 0, 32);
  const cached = token.handles.get(cacheKey);
  if (cached !== undefined) return cached;
  const label = materialLabel(material);
  const id = Buffer.from(material.subarray(16, 32));
  const found = findOne(token, label, (session) => findKeys(session, { id }));
  if (labelOf(found) !== label) throw new Failure(mismatch, `\`${label}\` names a material of another key`);
  token.handles.set(cacheKey, found.handle);
  return found.handle;
}

/** The handle of the trail key or the sealing key. @throws as materialHandle */
export function labelHandle(token: Token, label: string): Buffer {
  const cached = token.handles.get(label);
  if (cached !== undefined) return cached;
  const { handle } = findOne(token, label, (session) => findKeys(session, { label }));
  token.handles.set(label, handle);
  return handle;
}

/** The private half of the checkpoint key. @throws as materialHandle */
export function checkpointHandle(token: Token): Buffer {
  const cached = token.handles.get(checkpointLabel);
  if (cached !== undefined) return cached;
  const { handle } = findOne(
    token,
    checkpointLabel,
    (session) => findHalves(session, { label: checkpointLabel }).privateKeys,
  );
  token.handles.set(checkpointLabel, handle);
  return handle;
}

/** The public half of the checkpoint key. @throws as materialHandle */
export function checkpointPublicKey(token: Token): graphene.SessionObject {
  return findOne(
    token,
    checkpointLabel,
    (session) => findHalves(session, { label: checkpointLabel }).publicKeys,
  );
}

export function findOne(
  token: Token,
  label: string,
  search: (session: graphene.Session) => graphene.SessionObject[],
): graphene.SessionObject {
  let found = search(token.grapheneSession);
  if (found.length === 0) {
    token.reopenIfAbsent();
    found = search(token.grapheneSession);
  }
  const [first, second] = found;
  if (first === undefined) {
    throw new Failure(
      'missing-object',
      `the token has lost \`${label}\`: its canary is there, and it is not`,
    );
  }
  if (second !== undefined) throw new Failure('internal', `the token has \`${label}\` more than once`);
  return first;
}
