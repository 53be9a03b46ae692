import { z } from 'zod';
import { KmsError } from '../errors.ts';
import type { Key } from '../keys/key.ts';
import {
  externalMuBytes,
  type MessageType,
  type SigningAlgorithm,
  type SigningFacts,
  signingAlgorithms,
} from '../keys/spec/algorithm.ts';
import { factsOf } from '../keys/spec/key-spec.ts';
import { requireAlgorithm, tokenLacks } from './algorithm.ts';
import { members } from './input.ts';
import type { Caller, Services, Subject } from './operation.ts';
import { requestAlias, resolveKey } from './resolve.ts';

/** What Sign and Verify have in common. */
export const signingMembers = {
  KeyId: members.keyId,
  Message: members.message,
  MessageType: members.messageType.optional(),
  SigningAlgorithm: members.signingAlgorithm,
  GrantTokens: members.grantTokens.optional(),
  DryRun: members.dryRun.optional(),
};
const signingInput = z.strictObject(signingMembers);

/** What is signed: its type is one that the algorithm takes. */
export interface Signing {
  readonly key: Key;
  readonly subject: Subject;
  /** @throws KmsError InvalidKeyUsageException, ValidationException, UnsupportedOperationException */
  check(): { readonly algorithm: SigningAlgorithm; readonly messageType: 'RAW' | 'DIGEST' };
}

export async function planSigning(
  action: 'kms:Sign' | 'kms:Verify',
  input: z.infer<typeof signingInput>,
  caller: Caller,
  services: Services,
): Promise<Signing> {
  const { KeyId, Message, MessageType: messageType = 'RAW', SigningAlgorithm: named } = input;
  const key = await resolveKey(KeyId, { aliases: true, action, elsewhere: true }, caller, services);
  return {
    key,
    subject: {
      type: 'key',
      action,
      key,
      rule: 'use',
      usage: 'SIGN_VERIFY',
      facts: { 'kms:signingalgorithm': named, 'kms:messagetype': messageType },
      requestAlias: requestAlias(KeyId),
    },
    check() {
      const algorithm = requireAlgorithm(key, named, signingAlgorithms);
      checkMessage(key, algorithm, messageType, Message.length);
      // PKCS#11 has no mechanism that takes μ, and Node verifies none.
      if (messageType === 'EXTERNAL_MU') {
        throw tokenLacks(`${algorithm} with MessageType ${messageType}`);
      }
      return { algorithm, messageType };
    },
  };
}

/** (AWS KMS API reference, Sign, MessageType) @throws KmsError ValidationException */
function checkMessage(key: Key, algorithm: SigningAlgorithm, messageType: MessageType, length: number): void {
  const { digestBytes, messageTypes }: SigningFacts = signingAlgorithms[algorithm];
  if (!messageTypes.includes(messageType)) {
    const what =
      factsOf(key.keySpec).family === 'edwards' ? `algorithm ${algorithm}` : `key spec ${key.keySpec}`;
    throw invalid(`Message type ${messageType} is incompatible with ${what}.`);
  }
  if (messageType === 'DIGEST' && length !== digestBytes) {
    throw invalid(`Digest is invalid length for algorithm ${algorithm}.`);
  }
  if (messageType === 'EXTERNAL_MU' && length !== externalMuBytes) {
    throw invalid(`External Mu is invalid length for algorithm ${algorithm}.`);
  }
}

function invalid(message: string): KmsError {
  return new KmsError('ValidationException', message);
}
