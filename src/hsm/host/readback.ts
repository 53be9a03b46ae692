/** What a token made of a template, read back: an attribute that isn't as asked refuses the key. */
import type graphene from 'graphene-pk11';
import pkcs11 from 'pkcs11js';
import { Failure } from './failure.ts';
import type { Quirk } from './quirk.ts';

/** Name, number and value of boolean attributes. */
export type Flags = readonly (readonly [name: string, type: number, value: boolean])[];

/** @throws Failure `unsupported` where one reads back otherwise */
export function assertFlags(key: graphene.SessionObject, flags: Flags): void {
  for (const [name, type, value] of flags) {
    if (key.getAttribute(type)[0] !== (value ? 1 : 0)) {
      throw new Failure(
        'unsupported',
        `the token made a key whose CKA_${name} is not ${value}: it was destroyed`,
      );
    }
  }
}

/** @throws Failure `unsupported` where the key may be used with other mechanisms than asked */
export function assertMechanisms(
  key: graphene.SessionObject,
  allowed: readonly number[],
  quirk: Quirk,
): void {
  if (quirk.refuses.includes('allowedMechanisms')) return;
  const list = key.getAttribute(pkcs11.CKA_ALLOWED_MECHANISMS);
  const found = Array.from({ length: list.length / 8 }, (_, index) =>
    Number(list.readBigUInt64LE(8 * index)),
  );
  // A token may list them in an order of its own.
  if (found.length !== allowed.length || !allowed.every((mechanism) => found.includes(mechanism))) {
    throw new Failure('unsupported', 'the token made a key whose CKA_ALLOWED_MECHANISMS is not as asked');
  }
}

/** CK_ULONGs as the module's memory holds them, on the 64-bit little-endian machines that Node runs on. */
export function ulongs(values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(8 * values.length);
  for (const [index, value] of values.entries()) bytes.writeBigUInt64LE(BigInt(value), 8 * index);
  return bytes;
}
