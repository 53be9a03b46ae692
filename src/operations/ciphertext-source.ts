import { KmsError } from '../errors.ts';
import { type CiphertextBlob, parseCiphertext } from '../keys/ciphertext.ts';
import type { Key } from '../keys/key.ts';
import { ciphertextOutOfReach } from './denial.ts';
import { use } from './encryption.ts';
import { validationError } from './input.ts';
import type { Caller, Facts, Services, Subject } from './operation.ts';
import { resolveKey } from './resolve.ts';

/** The key a ciphertext was made under, for Decrypt and for the source side of ReEncrypt. */
export interface CiphertextSource {
  readonly key: Key;
  /** The key as what the request uses. */
  use(action: string, context: Readonly<Record<string, string>> | undefined, facts?: Facts): Subject;
  /** The blob, checked against the key; the same answer each time. @throws KmsError InvalidCiphertextException, IncorrectKeyException */
  open(): { readonly blob: Buffer /** Where keys of the spec tell it. */; readonly keyMaterialId?: string };
}

interface Given {
  readonly ciphertextBlob: Buffer | undefined;
  readonly keyId: string | undefined;
  readonly keyIdMember: string;
  /** As the request names it. */
  readonly algorithm: string | undefined;
  readonly ignoreCiphertext: boolean;
  readonly action: string;
}

/**
 * Finds the key by `KeyId` where the request has one, else by what the blob says. Whatever keeps the second
 * way from a key of the caller's gives one answer.
 */
export async function ciphertextSource(
  given: Given,
  caller: Caller,
  services: Services,
): Promise<CiphertextSource> {
  const { ciphertextBlob: blob, keyId } = given;
  if (blob === undefined && !given.ignoreCiphertext) throw missing('ciphertextBlob');
  if (keyId !== undefined) {
    const options = { aliases: true, action: given.action, elsewhere: true };
    const key = await resolveKey(keyId, options, caller, services);
    return source(blob, key, keyId);
  }
  const isBare = given.algorithm !== undefined && given.algorithm !== 'SYMMETRIC_DEFAULT';
  // The ciphertext of a pair doesn't say whose it is.
  if (blob === undefined || isBare) throw missing(given.keyIdMember);
  const named = parseCiphertext(blob);
  if (named === undefined) throw new KmsError('InvalidCiphertextException', '');
  const { scope } = caller;
  const key =
    (await services.keys.findKey(scope, named.keyId)) ??
    (await services.keys.findKeyAnywhere(scope.region, named.keyId));
  if (key === undefined) throw ciphertextOutOfReach();
  return source(blob, key, undefined, named);
}

function source(
  blob: Buffer | undefined,
  key: Key,
  keyId: string | undefined,
  parsed: CiphertextBlob | undefined = blob && parseCiphertext(blob),
): CiphertextSource {
  let once: ReturnType<CiphertextSource['open']> | undefined;
  return {
    key,
    use(action, context, facts) {
      const subject = use(key, action, { keyId, context, ...(facts && { facts }) });
      // Nobody named the key: it must not be told whose it is.
      return keyId === undefined ? { ...subject, unnamed: true } : subject;
    },
    open() {
      once ??= opened(blob, parsed, key);
      return once;
    },
  };
}

/** Whether a dry run asks only who may, whatever the ciphertext is. */
export function ignoresCiphertext(input: {
  DryRun?: boolean | undefined;
  DryRunModifiers?: readonly string[] | undefined;
}): boolean {
  return input.DryRun === true && input.DryRunModifiers?.includes('IGNORE_CIPHERTEXT') === true;
}

function opened(
  blob: Buffer | undefined,
  parsed: CiphertextBlob | undefined,
  key: Key,
): { blob: Buffer; keyMaterialId?: string } {
  if (blob !== undefined && key.keySpec !== 'SYMMETRIC_DEFAULT') return { blob };
  if (blob === undefined || parsed === undefined) throw new KmsError('InvalidCiphertextException', '');
  if (parsed.keyId !== key.keyId) {
    throw new KmsError(
      'IncorrectKeyException',
      'The key ID in the request does not identify a CMK that can perform this operation.',
    );
  }
  const material = key.materials.find(({ materialId }) => materialId === parsed.materialId);
  if (material === undefined) throw new KmsError('InvalidCiphertextException', '');
  return { blob, keyMaterialId: material.keyMaterialId };
}

function missing(member: string): KmsError {
  return validationError([`Value null at '${member}' failed to satisfy constraint: Member must not be null`]);
}
