/** What it takes to bring key material along, as an owner of it does. */
import type {
  CreateKeyCommandInput,
  ImportKeyMaterialCommandInput,
  KMS,
  WrappingKeySpec,
} from '@aws-sdk/client-kms';
import type { WrappingAlgorithm } from '../../src/keys/spec/wrapping.ts';
import { wrap } from '../contract/hsm/wrap.ts';
import { type NewKey, newKey } from './shared.ts';

export function newExternalKey(client: KMS, input: CreateKeyCommandInput = {}): Promise<NewKey> {
  return newKey(client, { Origin: 'EXTERNAL', ...input });
}

export interface Parameters {
  readonly token: Uint8Array;
  /** SubjectPublicKeyInfo in DER. */
  readonly publicKey: Buffer;
  readonly validTo: Date;
  readonly algorithm: WrappingAlgorithm;
}

export async function parametersFor(
  client: KMS,
  KeyId: string,
  algorithm: WrappingAlgorithm = 'RSAES_OAEP_SHA_1',
  spec: WrappingKeySpec = 'RSA_2048',
): Promise<Parameters> {
  const { ImportToken, PublicKey, ParametersValidTo } = await client.getParametersForImport({
    KeyId,
    WrappingAlgorithm: algorithm,
    WrappingKeySpec: spec,
  });
  if (ImportToken === undefined || PublicKey === undefined || ParametersValidTo === undefined) {
    throw new Error('parameters without members');
  }
  return { token: ImportToken, publicKey: Buffer.from(PublicKey), validTo: ParametersValidTo, algorithm };
}

export type Given = Omit<ImportKeyMaterialCommandInput, 'KeyId' | 'ImportToken' | 'EncryptedKeyMaterial'>;

/** Imports material that doesn't expire, unless that is said. @returns the answer's KeyMaterialId */
export async function importInto(
  client: KMS,
  KeyId: string,
  material: Buffer,
  given: Given = {},
  parameters?: Parameters,
): Promise<string> {
  const { token, publicKey, algorithm } = parameters ?? (await parametersFor(client, KeyId));
  const { KeyMaterialId } = await client.importKeyMaterial({
    KeyId,
    ImportToken: token,
    EncryptedKeyMaterial: wrap(publicKey, algorithm, material),
    ...(given.ValidTo === undefined && { ExpirationModel: 'KEY_MATERIAL_DOES_NOT_EXPIRE' }),
    ...given,
  });
  if (KeyMaterialId === undefined) throw new Error('an import without a name');
  return KeyMaterialId;
}
