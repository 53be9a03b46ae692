/** Importing key material: what identifies it, and its objects in the token. */
import pkcs11 from 'pkcs11js';
import type { ImportCapability } from '../../keys/hsm.ts';
import type { KeySpec } from '../../keys/spec/key-spec.ts';
import { keySpecCodes } from '../code.ts';
import type { ImportRequest } from '../request-import.ts';
import type { Capabilities } from './capability.ts';
import { Failure } from './failure.ts';
import { labelHandle } from './handle.ts';
import { keep } from './keep.ts';
import { destroyMaterial, sweepObjects } from './material.ts';
import type { Leave } from './mechanism.ts';
import { find, labelOf, materialLabel, trailLabel } from './object.ts';
import { Opener } from './opener.ts';
import { spki } from './public-key.ts';
import { Routes } from './route.ts';
import type { Placing } from './secret.ts';
import type { Token } from './token.ts';
import { createWrappingKey, findWrappingKey } from './wrapping.ts';

export interface Imported {
  /** False where it is other material than expected: nothing was made of it. */
  readonly imported: boolean;
  readonly inToken: boolean;
  readonly fingerprint: Buffer;
  readonly publicKey: Buffer | undefined;
}

export class Importer {
  readonly #token: Token;
  readonly #capabilities: Capabilities;
  readonly #opener: Opener;
  readonly #routes: Routes;

  constructor(token: Token, leave: Leave, capabilities: Capabilities) {
    this.#token = token;
    this.#capabilities = capabilities;
    this.#opener = new Opener(token, leave);
    this.#routes = new Routes(token, capabilities, this.#opener);
  }

  /** @throws Failure `unsupported` where there is no way that is allowed */
  createWrappingKey(request: ImportRequest & { readonly operation: 'createWrappingKey' }): {
    readonly inToken: boolean;
    readonly publicKey: Buffer;
  } {
    const { wrappingId, wrappingKeySpec, algorithm, keySpec, keyUsage } = request;
    const route = this.#routes.of(algorithm, keySpec, keyUsage);
    const publicKey = createWrappingKey(this.#token, wrappingId, wrappingKeySpec, route);
    return { inToken: route.where === 'token', publicKey: spki(publicKey) };
  }

  /**
   * @throws Failure `invalid-ciphertext` whatever is wrong with what is wrapped; nothing is left of an import that fails
   */
  importKey(request: ImportRequest & { readonly operation: 'importKey' }): Imported {
    const token = this.#token;
    const { material, wrappingId, algorithm, keySpec, keyUsage, expected, wrapped } = request;
    const label = materialLabel(material);
    const placing: Placing = { label, id: Buffer.from(material.subarray(16, 32)), token: true };
    const kind = this.#capabilities.kind(keySpec, keyUsage);
    let making = false;
    try {
      return token.run(
        () =>
          token.apart((session) => {
            const wrapping = findWrappingKey(token, wrappingId);
            const inToken = wrapping.where === 'token';
            const parcel = { session, wrapping, algorithm, wrapped };
            const opened = this.#opener.openProven(parcel, keySpec, kind);
            try {
              const fingerprint = this.#fingerprint(material, keySpec, opened.identity);
              const publicKey = opened.publicKey && spki(opened.publicKey);
              const answer = { inToken, fingerprint, publicKey };
              if (expected.length > 0 && !fingerprint.equals(expected)) return { ...answer, imported: false };
              if (!making && this.#isThere(placing, expected.length > 0))
                return { ...answer, imported: true };
              // Where this is tried once more: what the first try may have left.
              if (making) sweepObjects(token, placing.id, label);
              making = true;
              keep(token, session, opened, keySpec, keyUsage, kind, placing);
              return { ...answer, imported: true };
            } finally {
              opened.forget();
            }
          }),
        true,
      );
    } catch (error) {
      if (making && token.problem === undefined) destroyMaterial(token, material);
      throw error;
    }
  }

  /** Whether the material's object is there already. @param again whether it may be @throws Failure where it may not */
  #isThere({ id, label }: Placing, again: boolean): boolean {
    const objects = find(this.#token.grapheneSession, { id, token: true });
    if (objects.length === 0) return false;
    if (again && objects.every((object) => labelOf(object) === label)) return true;
    throw new Failure('internal', `the token has an object with the id of \`${label}\` already`);
  }

  /**
   * What recognises the material again: a MAC by the token's trail key over the key's id and what identifies the material.
   * Nobody who has it, and the store, can try candidates of a weak secret.
   */
  #fingerprint(material: Buffer, keySpec: KeySpec, identity: Buffer): Buffer {
    const token = this.#token;
    const data = Buffer.concat([
      fingerprintDomain,
      material.subarray(0, 16),
      Buffer.of(keySpecCodes.indexOf(keySpec)),
      identity,
    ]);
    token.lib.C_SignInit(
      token.session,
      { mechanism: pkcs11.CKM_SHA256_HMAC },
      labelHandle(token, trailLabel),
    );
    return token.lib.C_Sign(token.session, data, Buffer.alloc(64));
  }

  /** Every way there is, of every spec that can be imported. */
  ways(): ImportCapability[] {
    return this.#routes.all();
  }
}

const fingerprintDomain = Buffer.from('coffer fingerprint v1\0', 'latin1');
