import { randomBytes } from 'node:crypto';
import type { KMS } from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { importInto, newExternalKey, parametersFor } from './importing.ts';
import { newKey, refused, service } from './shared.ts';

const day = 86_400_000;

describe('what policies ask of imports', () => {
  let client: KMS;
  let root: string;
  before(async function () {
    this.timeout(60_000);
    const at = await service();
    client = at.client();
    root = `arn:aws:iam::${at.account}:root`;
    await newExternalKey(client);
  });

  /** Everything is allowed, but for this. */
  const denying = (Action: string, Condition: object) =>
    JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        { Effect: 'Allow', Principal: { AWS: root }, Action: 'kms:*', Resource: '*' },
        { Effect: 'Deny', Principal: '*', Action, Resource: '*', Condition },
      ],
    });
  const keyWith = async (Policy: string) => (await newExternalKey(client, { Policy })).id;
  const deny = 'AccessDeniedException';

  it('kms:WrappingAlgorithm and kms:WrappingKeySpec: how material may be wrapped', async () => {
    const KeyId = await keyWith(
      denying('kms:GetParametersForImport', {
        StringEquals: { 'kms:WrappingAlgorithm': 'RSAES_OAEP_SHA_1', 'kms:WrappingKeySpec': 'RSA_2048' },
      }),
    );
    await refused(parametersFor(client, KeyId, 'RSAES_OAEP_SHA_1', 'RSA_2048'), deny);
    await parametersFor(client, KeyId, 'RSAES_OAEP_SHA_1', 'RSA_3072');
    // Allowed, and refused for what it is.
    await refused(
      parametersFor(client, KeyId, 'RSA_AES_KEY_WRAP_SHA_1', 'RSA_2048'),
      'UnsupportedOperationException',
    );
  });

  it('kms:ExpirationModel and kms:ValidTo: whether and when material must expire', async () => {
    const bring = async (KeyId: string, ValidTo?: Date) =>
      importInto(client, KeyId, randomBytes(32), ValidTo === undefined ? {} : { ValidTo });
    const mustExpire = await keyWith(
      denying('kms:ImportKeyMaterial', {
        StringEquals: { 'kms:ExpirationModel': 'KEY_MATERIAL_DOES_NOT_EXPIRE' },
      }),
    );
    await refused(bring(mustExpire), deny);
    await bring(mustExpire, new Date(Date.now() + day));
    const soon = new Date(Date.now() + 2 * day);
    const soonAtLeast = await keyWith(
      denying('kms:ImportKeyMaterial', { DateGreaterThan: { 'kms:ValidTo': soon.toISOString() } }),
    );
    await refused(bring(soonAtLeast, new Date(soon.getTime() + 1_000)), deny);
    await bring(soonAtLeast, new Date(soon.getTime() - 1_000));
  });

  it('kms:KeyOrigin: what keys do whose material was brought along', async () => {
    const Policy = denying('kms:DescribeKey', { StringEquals: { 'kms:KeyOrigin': 'EXTERNAL' } });
    const external = await newExternalKey(client, { Policy });
    await refused(client.describeKey({ KeyId: external.id }), deny);
    const own = await newKey(client, { Policy });
    expect((await client.describeKey({ KeyId: own.id })).KeyMetadata?.Origin).to.equal('AWS_KMS');
  });

  it('who may not import learns neither the state of the key nor whose an import token is', async () => {
    const KeyId = await keyWith(
      denying('kms:ImportKeyMaterial', { Bool: { 'aws:SecureTransport': 'false' } }),
    );
    const parameters = await parametersFor(client, KeyId);
    await refused(importInto(client, KeyId, randomBytes(32), {}, parameters), deny);
    const token = randomBytes(17);
    await refused(importInto(client, KeyId, randomBytes(32), {}, { ...parameters, token }), deny);
  });
});
