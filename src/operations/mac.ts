import { z } from 'zod';
import type { Key } from '../keys/key.ts';
import { type MacAlgorithm, macAlgorithms } from '../keys/spec/algorithm.ts';
import { requireAlgorithm } from './algorithm.ts';
import { currentMaterial } from './encryption.ts';
import { members } from './input.ts';
import type { Caller, Services, Subject } from './operation.ts';
import { requestAlias, resolveKey } from './resolve.ts';

/** What GenerateMac and VerifyMac have in common. */
export const macMembers = {
  KeyId: members.keyId,
  Message: members.message,
  MacAlgorithm: members.macAlgorithm,
  GrantTokens: members.grantTokens.optional(),
  DryRun: members.dryRun.optional(),
};
const macInput = z.strictObject(macMembers);

export interface Mac {
  readonly key: Key;
  readonly subject: Subject;
  /** @throws KmsError InvalidKeyUsageException, UnsupportedOperationException */
  check(): MacAlgorithm;
  make(): Promise<Buffer>;
}

export async function planMac(
  action: 'kms:GenerateMac' | 'kms:VerifyMac',
  input: z.infer<typeof macInput>,
  caller: Caller,
  services: Services,
): Promise<Mac> {
  const { KeyId, Message, MacAlgorithm: named } = input;
  const key = await resolveKey(KeyId, { aliases: true, action, elsewhere: true }, caller, services);
  const check = () => requireAlgorithm(key, named, macAlgorithms);
  return {
    key,
    subject: {
      type: 'key',
      action,
      key,
      rule: 'use',
      usage: 'GENERATE_VERIFY_MAC',
      facts: { 'kms:macalgorithm': named },
      requestAlias: requestAlias(KeyId),
    },
    check,
    make: () => services.hsm.mac(currentMaterial(key), check(), Message),
  };
}
