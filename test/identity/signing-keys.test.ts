import { expect } from 'chai';
import { KmsError } from '../../src/errors.ts';
import type { AccessKey } from '../../src/identity/credential.ts';
import { signingKeys } from '../../src/identity/signing-keys.ts';
import type { Signer } from '../../src/identity/sigv4/verify.ts';
import { principal } from './signing.ts';

function setup(limit?: number) {
  const rows = new Map<string, AccessKey>();
  const derived: { id: string; key: Buffer; release: () => void; fail: (error: Error) => void }[] = [];
  let hold = false;
  const put = (accessKeyId: string, active = true) =>
    rows.set(accessKeyId, { accessKeyId, sealedSecret: Buffer.from('sealed'), active, principal });
  const keys = signingKeys({
    identities: { findAccessKey: async (accessKeyId) => rows.get(accessKeyId) },
    service: 'kms',
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
  it('are derived once a day and region, then found at once', async () => {
    const { keys, derived, put } = setup();
    put('AKIA1');
    const first = await keys.find('AKIA1', '20260131', 'us-east-1');
    expect(first.principal).to.equal(principal);
    expect(keys.find('AKIA1', '20260131', 'us-east-1')).to.equal(first);
    await keys.find('AKIA1', '20260201', 'us-east-1');
    await keys.find('AKIA1', '20260131', 'eu-west-1');
    expect(derived.map(({ id }) => id)).to.deep.equal([
      'AKIA1/20260131/us-east-1/kms',
      'AKIA1/20260201/us-east-1/kms',
      'AKIA1/20260131/eu-west-1/kms',
    ]);
  });

  it('are derived once for many that ask at the same time', async () => {
    const { keys, derived, put } = setup();
    put('AKIA1');
    const found = await Promise.all(
      Array.from({ length: 50 }, () => keys.find('AKIA1', '20260131', 'us-east-1')),
    );
    expect(new Set(found).size).to.equal(1);
    expect(derived.length).to.equal(1);
  });

  it('leave no other copy of the key', async () => {
    const { keys, derived, put } = setup();
    put('AKIA1');
    await keys.find('AKIA1', '20260131', 'us-east-1');
    expect(derived[0]?.key.equals(Buffer.alloc(32))).to.equal(true);
  });

  it('are none of an unknown or inactive credential', async () => {
    const { keys, derived, put } = setup();
    put('AKIA2', false);
    expect(await code(keys.find('AKIA1', '20260131', 'us-east-1'))).to.equal('UnrecognizedClientException');
    expect(await code(keys.find('AKIA2', '20260131', 'us-east-1'))).to.equal('UnrecognizedClientException');
    expect(derived.length).to.equal(0);
    put('AKIA1');
    expect(await code(keys.find('AKIA1', '20260131', 'us-east-1'))).to.equal('none');
  });

  it('are asked for again after a derivation that failed', async () => {
    const { keys, derived, put, holdBack } = setup();
    put('AKIA1');
    holdBack();
    const failing = keys.find('AKIA1', '20260131', 'us-east-1');
    await turn();
    derived[0]?.fail(new Error('no host'));
    expect(await code(failing)).to.equal('Error: no host');
    const second = keys.find('AKIA1', '20260131', 'us-east-1');
    await turn();
    derived[1]?.release();
    expect(await code(second)).to.equal('none');
  });

  it('sign nothing once their credential has changed, also in the hands of who has found one', async () => {
    const { keys, derived, put } = setup();
    put('AKIA1');
    put('AKIA10');
    const key = await keys.find('AKIA1', '20260131', 'us-east-1');
    const other = await keys.find('AKIA10', '20260131', 'us-east-1');
    keys.invalidate(['AKIA1']);
    expect(() => key.sign('text'))
      .to.throw(KmsError)
      .with.property('code', 'UnrecognizedClientException');
    expect(other.sign('text')).to.have.length(64);
    put('AKIA1', false);
    expect(await code(keys.find('AKIA1', '20260131', 'us-east-1'))).to.equal('UnrecognizedClientException');
    expect(derived.length).to.equal(2);
  });

  it('are read again where the credential changes while one is being derived', async () => {
    const { keys, derived, put, holdBack } = setup();
    put('AKIA1');
    holdBack();
    const found = keys.find('AKIA1', '20260131', 'us-east-1');
    await turn();
    put('AKIA1', false);
    keys.invalidate(['AKIA1']);
    derived[0]?.release();
    expect(await code(found)).to.equal('UnrecognizedClientException');
    expect(derived.length).to.equal(1);
  });

  it('are bounded: the one not used for longest goes, and signs nothing more', async () => {
    const { keys, derived, put } = setup(3);
    for (const id of ['A', 'B', 'C', 'D']) put(id);
    const a = await keys.find('A', '20260131', 'us-east-1');
    const b = await keys.find('B', '20260131', 'us-east-1');
    await keys.find('C', '20260131', 'us-east-1');
    expect(keys.find('A', '20260131', 'us-east-1')).to.equal(a);
    await keys.find('D', '20260131', 'us-east-1');
    expect(() => b.sign('text')).to.throw(KmsError);
    expect(a.sign('text')).to.have.length(64);
    await keys.find('B', '20260131', 'us-east-1');
    expect(derived.length).to.equal(5);
  });

  it('are all forgotten on request', async () => {
    const { keys, put } = setup();
    put('AKIA1');
    const key = await keys.find('AKIA1', '20260131', 'us-east-1');
    keys.clear();
    expect(() => key.sign('text')).to.throw(KmsError);
  });
});
