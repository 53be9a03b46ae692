import type { KeyMetadata } from '@aws-sdk/client-kms';
import { compareStoreAndToken } from '../../src/jobs/compare.ts';
import type { Finding } from '../../src/jobs/finding.ts';
import type { WrappingAlgorithm } from '../../src/keys/spec/wrapping.ts';
import { wrap } from '../contract/hsm/wrap.ts';
import type { Assembly } from './assembly.ts';

export interface Ticket {
  readonly ImportToken: string;
  readonly PublicKey: string;
  readonly ParametersValidTo: number;
}

interface Listed {
  readonly KeyMaterialId: string;
  readonly KeyMaterialState: string;
  readonly ImportState: string;
}

type Through = Parameters<Assembly['callWith']>[0];

/** What the tests of the jobs do with imported material, below the wire. */
export function importing(coffer: Assembly) {
  const metadata = async (KeyId: string) =>
    (await coffer.call<{ KeyMetadata: KeyMetadata }>('DescribeKey', { KeyId })).KeyMetadata;
  return {
    async externalKey(input: object = {}): Promise<string> {
      const made = await coffer.call<{ KeyMetadata: { KeyId: string } }>('CreateKey', {
        Origin: 'EXTERNAL',
        ...input,
      });
      return made.KeyMetadata.KeyId;
    },
    parameters: (
      KeyId: string,
      WrappingAlgorithm: WrappingAlgorithm = 'RSAES_OAEP_SHA_1',
      over: Through = {},
    ) =>
      coffer.callWith<Ticket>(over, 'GetParametersForImport', {
        KeyId,
        WrappingAlgorithm,
        WrappingKeySpec: 'RSA_2048',
      }),
    /** @returns the material's name */
    async bring(
      KeyId: string,
      ticket: Ticket,
      material: Buffer,
      { over = {}, algorithm = 'RSAES_OAEP_SHA_1', ...given }: Given = {},
    ): Promise<string> {
      const { ImportToken, PublicKey } = ticket;
      const wrapped = wrap(Buffer.from(PublicKey, 'base64'), algorithm, material);
      const { KeyMaterialId } = await coffer.callWith<{ KeyMaterialId: string }>(over, 'ImportKeyMaterial', {
        KeyId,
        ImportToken,
        EncryptedKeyMaterial: wrapped.toString('base64'),
        ExpirationModel:
          given.ValidTo === undefined ? 'KEY_MATERIAL_DOES_NOT_EXPIRE' : 'KEY_MATERIAL_EXPIRES',
        ...given,
      });
      return KeyMaterialId;
    },
    metadata,
    stateOf: async (KeyId: string) => (await metadata(KeyId)).KeyState,
    materials: async (KeyId: string) =>
      (
        await coffer.call<{ Rotations: Listed[] }>('ListKeyRotations', {
          KeyId,
          IncludeKeyMaterial: 'ALL_KEY_MATERIAL',
        })
      ).Rotations,
    encrypt: async (KeyId: string) =>
      (await coffer.call<{ CiphertextBlob: string }>('Encrypt', { KeyId, Plaintext: 'AAAA' })).CiphertextBlob,
    decrypt: async (CiphertextBlob: string) =>
      (await coffer.call<{ KeyMaterialId: string }>('Decrypt', { CiphertextBlob })).KeyMaterialId,
    /** The token's objects that are of a key: secrets and private halves. */
    objects: async (KeyId: string) =>
      (await coffer.hsm.listObjects()).filter(({ kind, keyId }) => kind === 'material' && keyId === KeyId)
        .length,
    wrappingKeys: async () =>
      (await coffer.hsm.listObjects()).filter(({ kind }) => kind === 'wrapping').length,
    /** What the log would say at a start. */
    difference: async () => (await compareStoreAndToken(coffer)).findings,
  };
}

interface Given {
  readonly over?: Through;
  readonly algorithm?: WrappingAlgorithm;
  readonly [member: string]: unknown;
  /** Seconds since the epoch. */
  readonly ValidTo?: number;
}

export const nothingWrong: readonly Finding[] = [];
