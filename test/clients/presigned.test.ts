import { expect } from 'chai';
import { sign } from '../sign.ts';
import { newKey, send, service } from './shared.ts';

describe('a presigned request', () => {
  before(async function () {
    this.timeout(60_000);
    await service();
  });

  it('is answered as one with a signed header, by whoever holds it', async () => {
    const at = await service();
    const { id: KeyId } = await newKey(at.client());
    const signed = await sign(at, 'DescribeKey', { KeyId }, { presign: 60 });
    expect(signed.headers).not.to.have.property('authorization');
    const answer = await fetch(`${at.url}${signed.path}`, {
      method: 'POST',
      headers: signed.headers,
      body: signed.body,
    });
    expect(answer.status).to.equal(200);
    expect(await answer.json()).to.have.nested.property('KeyMetadata.KeyId', KeyId);
  });

  it('is refused once it has expired, and before it is valid', async () => {
    const at = await service();
    const past = new Date(Date.now() - 120_000);
    const future = new Date(Date.now() + 15 * 60_000);
    for (const date of [past, future]) {
      const answer = await send(at, await sign(at, 'ListKeys', {}, { presign: 60, date }));
      expect(answer.status).to.equal(400);
      expect(answer.body?.__type).to.equal('InvalidSignatureException');
    }
  });

  it('is refused where anything of it was altered', async () => {
    const at = await service();
    const signed = await sign(at, 'ListKeys', {}, { presign: 60 });
    expect((await send(at, signed)).status).to.equal(200);
    const target = { 'x-amz-target': 'TrentService.ListAliases' };
    const altered = [
      { ...signed, body: '{"Limit":1}' },
      { ...signed, headers: { ...signed.headers, ...target } },
      { ...signed, headers: { ...signed.headers, 'x-amz-new': 'unsigned' } },
      { ...signed, path: signed.path.replace('X-Amz-Expires=60', 'X-Amz-Expires=600') },
      { ...signed, path: `${signed.path}&extra=1` },
      {
        ...signed,
        path: signed.path.replace(/Signature=(.)/, (_, c) => `Signature=${c === '0' ? '1' : '0'}`),
      },
    ];
    for (const request of altered) {
      const answer = await send(at, request);
      expect(answer.status, request.path).to.equal(400);
      expect(answer.body?.__type, answer.text).to.match(/^(Invalid|Incomplete)SignatureException$/);
    }
  });

  it('does not live longer than a week', async () => {
    const at = await service();
    const signed = await sign(at, 'ListKeys', {}, { presign: 604_800 });
    expect((await send(at, signed)).status).to.equal(200);
    const longer = { ...signed, path: signed.path.replace('604800', '604801') };
    expect((await send(at, longer)).status).to.equal(400);
  });
});
