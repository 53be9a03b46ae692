import { expect } from 'chai';
import { trailForm } from '../../src/operations/parameters.ts';

describe("the trail's form of a request", () => {
  it('has its members in camel case, at every depth, and no blobs', () => {
    const input = { KeyId: 'k', Plaintext: Buffer.from('secret'), Tags: [{ TagKey: 'A', TagValue: 'B' }] };
    expect(trailForm(input)).to.deep.equal({ keyId: 'k', tags: [{ tagKey: 'A', tagValue: 'B' }] });
  });

  it('leaves the names in an encryption context as they are, in constraints of grants too', () => {
    const context = { Tenant: 'Blue' };
    const input = {
      SourceEncryptionContext: context,
      Constraints: { EncryptionContextEquals: context, EncryptionContextSubset: context },
    };
    expect(trailForm(input)).to.deep.equal({
      sourceEncryptionContext: context,
      constraints: { encryptionContextEquals: context, encryptionContextSubset: context },
    });
  });
});
