import { expect } from 'chai';
import { KmsError } from '../../src/errors.ts';
import type { AccessKey } from '../../src/identity/credential.ts';
import { signingKeys } from '../../src/identity/signing-keys.ts';
import type { Credential, Signer } from '../../src/identity/sigv4/verify.ts';
import { principal } from './signing.ts';

function setup(limit?: number) {
  const rows = new Map<string, AccessKey>();
  const derived: { id: string; key: Buffer; release: () => void; fail: (error: Error) => void }[] = [];
  let hold = false;
  const put = (accessKeyId: string, active = true) =>
    rows.set(accessKeyId, { accessKeyId, sealedSecret: Buffer.from('sealed'), active, principal });
  const keys = signingKeys({
    identities: { findAccessKey: async (accessKeyId) => rows.get(accessKeyId) },
    ...(limit !== undefined && { limit }),
    derive: (accessKey, date, region, service) =>
      new Promise((resolve, reject) => {
        const key = Buffer.alloc(32, derived.length + 1);
        const id = `${accessKey.accessKeyId}/${date}/${region}/${service}`;
        derived.push({ id, key, release: () => resolve(key), fail: reject });
        if (!hold) resolve(key);
      }),
  });
  return { keys, derived, put, rows, holdBack: () => (hold = true) };
}

const one = 'AKIA000000000001';
const two = 'AKIA000000000002';
/** Begins as the first does. */
const ten = `${one}0`;

function of(accessKeyId: string, date: string, region: string, service = 'kms'): Credential {
  return { accessKeyId, sessionToken: undefined, date, region, service };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

async function code(found: Signer | Promise<Signer>): Promise<string> {
  try {
    await found;
    return 'none';
  } catch (error) {
    return error instanceof KmsError ? error.code : String(error);
  }
}

describe('signing keys', () => {
  it('are derived once a day, region and service, then found at once', async () => {
    const { keys, derived, put } = setup();
    put(one);
    const found = await keys.find(of(one, '20260131', 'us-east-1'));
    expect(found.principal).to.equal(principal);
    expect(keys.find(of(one, '20260131', 'us-east-1'))).to.equal(found);
    await keys.find(of(one, '20260201', 'us-east-1'));
    await keys.find(of(one, '20260131', 'eu-west-1'));
    await keys.find(of(one, '20260131', 'us-east-1', 'iam'));
    expect(derived.map(({ id }) => id)).to.deep.equal([
      `${one}/20260131/us-east-1/kms`,
      `${one}/20260201/us-east-1/kms`,
      `${one}/20260131/eu-west-1/kms`,
      `${one}/20260131/us-east-1/iam`,
    ]);
  });

  it('are derived once for many that ask at the same time', async () => {
    const { keys, derived, put } = setup();
    put(one);
    const found = await Promise.all(
      Array.from({ length: 50 }, () => keys.find(of(one, '20260131', 'us-east-1'))),
    );
    expect(new Set(found).size).to.equal(1);
    expect(derived.length).to.equal(1);
  });

  it('leave no other copy of the key', async () => {
    const { keys, derived, put } = setup();
    put(one);
    await keys.find(of(one, '20260131', 'us-east-1'));
    expect(derived[0]?.key.equals(Buffer.alloc(32))).to.equal(true);
  });

  it('are none of an unknown or inactive credential', async () => {
    const { keys, derived, put } = setup();
    put(two, false);
    expect(await code(keys.find(of(one, '20260131', 'us-east-1')))).to.equal('UnrecognizedClientException');
    expect(await code(keys.find(of(two, '20260131', 'us-east-1')))).to.equal('UnrecognizedClientException');
    expect(derived.length).to.equal(0);
    put(one);
    expect(await code(keys.find(of(one, '20260131', 'us-east-1')))).to.equal('none');
  });

  it('are none, and asked for in no store, of what can be no access key id', async () => {
    let asked = 0;
    const keys = signingKeys({
      identities: { findAccessKey: () => void asked++ },
      derive: async () => Buffer.alloc(32, 1),
    });
    const find = async (id: string) => code((async () => keys.find(of(id, '20260131', 'us-east-1')))());
    for (const id of [
      'AKIA',
      'A'.repeat(15),
      'A'.repeat(129),
      'A'.repeat(12_000),
      'akia000000000001',
      `${one}\n`,
    ]) {
      expect(await find(id)).to.equal('UnrecognizedClientException');
    }
    expect(asked).to.equal(0);
    for (const id of ['A'.repeat(16), 'A'.repeat(128)]) {
      expect(await find(id)).to.equal('UnrecognizedClientException');
    }
    expect(asked).to.equal(2);
  });

  it('are asked for again after a derivation that failed', async () => {
    const { keys, derived, put, holdBack } = setup();
    put(one);
    holdBack();
    const failing = keys.find(of(one, '20260131', 'us-east-1'));
    await turn();
    derived[0]?.fail(new Error('no host'));
    expect(await code(failing)).to.equal('Error: no host');
    const again = keys.find(of(one, '20260131', 'us-east-1'));
    await turn();
    derived[1]?.release();
    expect(await code(again)).to.equal('none');
  });

  it('sign nothing once their credential has changed, also in the hands of who has found one', async () => {
    const { keys, derived, put } = setup();
    put(one);
    put(ten);
    const key = await keys.find(of(one, '20260131', 'us-east-1'));
    const other = await keys.find(of(ten, '20260131', 'us-east-1'));
    keys.invalidate([one]);
    expect(() => key.sign('text'))
      .to.throw(KmsError)
      .with.property('code', 'UnrecognizedClientException');
    expect(other.sign('text')).to.have.length(64);
    put(one, false);
    expect(await code(keys.find(of(one, '20260131', 'us-east-1')))).to.equal('UnrecognizedClientException');
    expect(derived.length).to.equal(2);
  });

  it('are read again where the credential changes while one is being derived', async () => {
    const { keys, derived, put, holdBack } = setup();
    put(one);
    holdBack();
    const found = keys.find(of(one, '20260131', 'us-east-1'));
    await turn();
    put(one, false);
    keys.invalidate([one]);
    derived[0]?.release();
    expect(await code(found)).to.equal('UnrecognizedClientException');
    expect(derived.length).to.equal(1);
  });

  it('are bounded: the one not used for longest goes, and signs nothing more', async () => {
    const { keys, derived, put } = setup(3);
    const [A, B, C, D] = ['A'.repeat(16), 'B'.repeat(16), 'C'.repeat(16), 'D'.repeat(16)] as const;
    for (const id of [A, B, C, D]) put(id);
    const a = await keys.find(of(A, '20260131', 'us-east-1'));
    const b = await keys.find(of(B, '20260131', 'us-east-1'));
    await keys.find(of(C, '20260131', 'us-east-1'));
    expect(keys.find(of(A, '20260131', 'us-east-1'))).to.equal(a);
    await keys.find(of(D, '20260131', 'us-east-1'));
    expect(() => b.sign('text')).to.throw(KmsError);
    expect(a.sign('text')).to.have.length(64);
    await keys.find(of(B, '20260131', 'us-east-1'));
    expect(derived.length).to.equal(5);
  });

  it('are all forgotten on request', async () => {
    const { keys, put } = setup();
    put(one);
    const key = await keys.find(of(one, '20260131', 'us-east-1'));
    keys.clear();
    expect(() => key.sign('text')).to.throw(KmsError);
  });
});
