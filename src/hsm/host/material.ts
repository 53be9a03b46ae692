/** Making and destroying the objects of key materials. */
import type { KeySpec, KeyUsage } from '../../keys/spec/key-spec.ts';
import type { Capabilities } from './capability.ts';
import { Failure } from './failure.ts';
import { cipherKind, type PairKind, type SecretKind } from './mechanism.ts';
import { destroy, find, isHalf, labelOf, materialLabel } from './object.ts';
import { generatePair } from './pair.ts';
import { assertProven, prove } from './proof.ts';
import { publicKeyOf, spki } from './public-key.ts';
import { generateSecret, type Placing } from './secret.ts';
import type { Token } from './token.ts';

/** Makes an AES-256 key under the material's id. @throws Failure; nothing is left of a key that fails */
export function generateCipher(token: Token, material: Buffer): void {
  make(token, material, (placing) => {
    generateSecret(token.grapheneSession, cipherKind, placing, token.quirk);
  });
}

/**
 * Makes a key of any other spec under the material's id, and proves that it does what keys of its spec do.
 * @returns of a pair the public half as SubjectPublicKeyInfo
 * @throws Failure `unsupported` where the token can't do that; nothing is left of a key that fails
 */
export function generateKey(
  token: Token,
  capabilities: Capabilities,
  material: Buffer,
  keySpec: KeySpec,
  keyUsage: KeyUsage,
): Buffer | undefined {
  const { algorithms, inHost, problem } = capabilities.of(keySpec, keyUsage);
  if (algorithms.length === 0) {
    throw new Failure(
      'unsupported',
      `the token can't do ${keySpec} for ${keyUsage}: ${problem ?? 'unknown'}`,
    );
  }
  const kind = capabilities.kind(keySpec, keyUsage);
  return make(token, material, (placing) => {
    const made =
      'secret' in kind ? makeSecret(token, kind.secret, placing) : makePair(token, kind.pair, placing);
    const publicKey = made.publicKey && publicKeyOf(made.publicKey, keySpec);
    const finding = token.apart((session) =>
      prove(
        { lib: token.lib, session: session.handle, handle: made.key.handle, keySpec },
        keyUsage,
        publicKey,
        made.publicKey?.handle,
        inHost.length > 0,
      ),
    );
    assertProven(finding, algorithms);
    return publicKey && spki(publicKey);
  });
}

function makeSecret(token: Token, kind: SecretKind, placing: Placing) {
  return {
    key: generateSecret(token.grapheneSession, kind, placing, token.quirk),
    publicKey: undefined,
  };
}

function makePair(token: Token, kind: PairKind, placing: Placing) {
  const { privateKey, publicKey } = generatePair(token.grapheneSession, kind, placing, token.quirk);
  return { key: privateKey, publicKey };
}

/** Does what makes objects under a material's id, and takes all of them back where it fails. */
export function make<T>(token: Token, material: Buffer, task: (placing: Placing) => T): T {
  const label = materialLabel(material);
  const id = Buffer.from(material.subarray(16, 32));
  // INVARIANT: an id names one key; a second would make every later search ambiguous.
  if (token.run(() => find(token.grapheneSession, { id, token: true })).length > 0) {
    throw new Failure('internal', `the token has an object with the id of \`${label}\` already`);
  }
  try {
    return token.run(() => {
      // Where this is tried once more: what the first try may have left.
      for (const leftover of find(token.grapheneSession, { id, token: true })) destroy(leftover);
      return task({ label, id, token: true });
    });
  } catch (error) {
    if (token.problem === undefined) destroyMaterial(token, material);
    throw error;
  }
}

/** What has the material's id and label goes, both halves of a pair, and what is left of its making. */
export function destroyMaterial(token: Token, material: Buffer): boolean {
  const label = materialLabel(material);
  const id = Buffer.from(material.subarray(16, 32));
  const cacheKey = material.toString('latin1', 0, 32);
  const sweep = () => {
    const gone = sweepObjects(token, id, label);
    token.handles.delete(cacheKey);
    token.keys.delete(cacheKey);
    return gone;
  };
  if (token.run(sweep)) return true;
  token.run(() => token.reopenIfAbsent());
  return token.run(sweep);
}

/** Destroys what has the id and the label. @returns whether there was anything @throws Failure where it is another's */
export function sweepObjects(token: Token, id: Buffer, label: string): boolean {
  const objects = find(token.grapheneSession, { id, token: true });
  // All are looked at before any goes. What has no label and is whole may be another's on the same token.
  for (const object of objects) {
    const found = labelOf(object);
    if (found === label || (found === '' && isHalf(object))) continue;
    throw new Failure('internal', `the object to destroy is \`${found}\` and not \`${label}\``);
  }
  for (const object of objects) destroy(object);
  return objects.length > 0;
}
