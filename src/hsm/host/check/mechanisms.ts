/** Which mechanisms a token lists, by their names. */
import pkcs11 from 'pkcs11js';
import type { Mechanism } from '../../check/report.ts';
import { ckrClass } from '../ckr.ts';
import { numbers } from '../mechanism.ts';
import type { Bench } from './bench.ts';
import type { Step } from './step.ts';

const names = new Map<number, string>();
for (const source of [numbers, pkcs11]) {
  for (const [name, number] of Object.entries(source)) {
    if (name.startsWith('CKM_') && typeof number === 'number') names.set(number, name);
  }
}
// PKCS#11 2.40 renamed it; SoftHSM means RFC 5649 by it (numbers).
names.set(numbers.CKM_AES_KEY_WRAP_PAD, 'CKM_AES_KEY_WRAP_PAD');

function nameOf(number: number): string {
  return names.get(number) ?? `0x${number.toString(16)}`;
}

/** Those that Coffer has a use for, listed or not. */
const used: readonly number[] = [
  pkcs11.CKM_AES_KEY_GEN,
  pkcs11.CKM_AES_GCM,
  pkcs11.CKM_GENERIC_SECRET_KEY_GEN,
  pkcs11.CKM_SHA224_HMAC,
  pkcs11.CKM_SHA256_HMAC,
  pkcs11.CKM_SHA384_HMAC,
  pkcs11.CKM_SHA512_HMAC,
  pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN,
  pkcs11.CKM_RSA_PKCS,
  pkcs11.CKM_RSA_PKCS_PSS,
  pkcs11.CKM_RSA_PKCS_OAEP,
  pkcs11.CKM_RSA_X_509,
  pkcs11.CKM_EC_KEY_PAIR_GEN,
  pkcs11.CKM_ECDSA,
  pkcs11.CKM_ECDH1_DERIVE,
  numbers.CKM_EC_EDWARDS_KEY_PAIR_GEN,
  numbers.CKM_EDDSA,
  numbers.CKM_ML_DSA_KEY_PAIR_GEN,
  numbers.CKM_ML_DSA,
  numbers.CKM_AES_KEY_WRAP_PAD,
  numbers.CKM_AES_KEY_WRAP_KWP,
];

export const mechanismsStep: Step = {
  name: 'list the mechanisms',
  factor: 2,
  lost: [],
  run: (bench) => [{ type: 'mechanisms', mechanisms: list(bench) }],
};

function list({ token }: Bench): Mechanism[] {
  const { lib } = token;
  const { slotID } = lib.C_GetSessionInfo(token.session);
  const listed = new Set(lib.C_GetMechanismList(slotID));
  return [...new Set([...used, ...listed])].map((number) => ({
    name: nameOf(number),
    number,
    listed: listed.has(number),
    ...(listed.has(number) && sizes(lib, slotID, number)),
  }));
}

function sizes(lib: pkcs11.PKCS11, slot: Buffer, number: number): Pick<Mechanism, 'keySizes'> {
  try {
    const { minKeySize, maxKeySize } = lib.C_GetMechanismInfo(slot, number);
    return maxKeySize === 0 ? {} : { keySizes: { smallest: minKeySize, largest: maxKeySize } };
  } catch (error) {
    if (ckrClass(error) === 'lost') throw error;
    return {};
  }
}
