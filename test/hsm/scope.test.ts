import { expect } from 'chai';
import { isDerivable } from '../../src/hsm/host/signing.ts';

describe('the scope that a host derives a signing key for', () => {
  const now = Date.UTC(2026, 2, 1, 23, 59);
  const may = (date: string, region = 'us-east-1', service = 'kms') =>
    isDerivable(date, region, service, now);

  it('is of a service that Coffer answers for', () => {
    for (const service of ['kms', 'iam', 'sts', 'cloudtrail'])
      expect(may('20260301', 'us-east-1', service)).to.equal(true);
    for (const service of ['s3', 'KMS', 'kms ', 'iam,kms', ''])
      expect(may('20260301', 'us-east-1', service)).to.equal(false);
  });

  it('is of a day from 8 before the host’s to 2 after it, whatever the hour', () => {
    for (const date of ['20260221', '20260228', '20260302', '20260303'])
      expect(may(date), date).to.equal(true);
    for (const date of ['20260220', '20260304', '20991231', '19700101'])
      expect(may(date), date).to.equal(false);
  });

  it('is of a day that there is, as eight digits', () => {
    for (const date of [
      '20260230',
      '20260300',
      '2026031',
      '202603011',
      '2026-3-1',
      ' 2026301',
      '',
      '2026030١',
    ]) {
      expect(may(date), date).to.equal(false);
    }
  });

  it('is of a region by its form', () => {
    for (const region of ['eu-central-1', 'us-gov-west-1', 'ap-southeast-12'])
      expect(may('20260301', region)).to.equal(true);
    for (const region of ['', 'anything at all', 'us-east', 'us-east-1/iam', `us-${'a'.repeat(80)}-1`])
      expect(may('20260301', region)).to.equal(false);
  });
});
