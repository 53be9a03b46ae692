import { z } from 'zod';
import { keyArn } from '../arn.ts';
import { KmsError } from '../errors.ts';
import type { Key } from '../keys/key.ts';
import { namesOf } from '../keys/spec/algorithm.ts';
import {
  mayWrap,
  refusedWrappingAlgorithms,
  refusedWrappingKeySpecs,
  type WrappingAlgorithm,
  type WrappingKeySpec,
  wrappingAlgorithms,
  wrappingKeySpecs,
} from '../keys/spec/wrapping.ts';
import { beginWrappingKey, endWrappingKey, writeImportToken } from '../keys/wrapping-key.ts';
import { requireOrigin } from './import.ts';
import { requireWay } from './import-capability.ts';
import { members } from './input.ts';
import { type ChangeTarget, planKeyChange } from './key-change.ts';
import { timestamp } from './metadata.ts';
import { defineOperation, type Result, type Services } from './operation.ts';

const algorithmNames = [...namesOf(wrappingAlgorithms), ...refusedWrappingAlgorithms] as const;
const specNames = [...namesOf(wrappingKeySpecs), ...refusedWrappingKeySpecs] as const;

export const getParametersForImport = defineOperation({
  name: 'GetParametersForImport',
  readOnly: true,
  input: z.strictObject({
    KeyId: members.keyId,
    WrappingAlgorithm: z.enum(algorithmNames),
    WrappingKeySpec: z.enum(specNames),
  }),
  async plan(input, caller, services) {
    const { WrappingAlgorithm: algorithm, WrappingKeySpec: wrappingKeySpec } = input;
    const plan = await planKeyChange(
      'GetParametersForImport',
      'change',
      input.KeyId,
      caller,
      services,
      (target, key) => parameters(target, key, supported(key, algorithm, wrappingKeySpec), services),
      { 'kms:wrappingalgorithm': algorithm, 'kms:wrappingkeyspec': wrappingKeySpec },
    );
    return {
      ...plan,
      validate() {
        requireOrigin(plan.key, 'EXTERNAL');
        supported(plan.key, algorithm, wrappingKeySpec);
      },
    };
  },
});

interface Wrapping {
  readonly algorithm: WrappingAlgorithm;
  readonly wrappingKeySpec: WrappingKeySpec;
}

async function parameters(
  { from }: ChangeTarget,
  key: Key,
  { algorithm, wrappingKeySpec }: Wrapping,
  services: Services,
): Promise<Result> {
  const { changes, hsm } = services;
  await requireWay(algorithm, key.keySpec, key.keyUsage, hsm);
  const begun = await beginWrappingKey(key, from, algorithm, wrappingKeySpec, services);
  switch (begun.type) {
    case 'conflict':
      return begun;
    case 'limit':
      throw new KmsError('ThrottlingException', 'Rate exceeded', {
        detail: `key ${key.keyId} has as many wrapping keys as it may: they end 24 hours after they were made`,
      });
    case 'made': {
      const { wrappingKey, publicKey, inToken, change } = begun;
      const KeyId = keyArn(key, key.keyId);
      const ParametersValidTo = timestamp(wrappingKey.validTo);
      return {
        type: 'change',
        change,
        output: {
          KeyId,
          ImportToken: writeImportToken(wrappingKey.wrappingId).toString('base64'),
          PublicKey: publicKey.toString('base64'),
          ParametersValidTo,
        },
        responseElements: { KeyId, ParametersValidTo },
        additional: { unwrapsIn: inToken ? 'token' : 'host' },
        undo: () => endWrappingKey(wrappingKey, changes, hsm),
      };
    }
    default:
      return begun satisfies never;
  }
}

/** @throws KmsError UnsupportedOperationException where AWS has none of it, for such a key or at all */
function supported(
  { keySpec }: Key,
  algorithmName: (typeof algorithmNames)[number],
  specName: (typeof specNames)[number],
): Wrapping {
  const algorithm = namesOf(wrappingAlgorithms).find((name) => name === algorithmName);
  const wrappingKeySpec = namesOf(wrappingKeySpecs).find((name) => name === specName);
  if (algorithm === undefined) throw unsupported(`WrappingAlgorithm ${algorithmName} is not supported.`);
  if (wrappingKeySpec === undefined) throw unsupported(`WrappingKeySpec ${specName} is not supported.`);
  if (!mayWrap(keySpec, algorithm, wrappingKeySpec)) {
    throw unsupported(
      `WrappingAlgorithm ${algorithm} with WrappingKeySpec ${wrappingKeySpec} is not supported for key spec ${keySpec}.`,
    );
  }
  return { algorithm, wrappingKeySpec };
}

function unsupported(message: string): KmsError {
  return new KmsError('UnsupportedOperationException', message);
}
