import { expect } from 'chai';
import { aggregate, createMetrics } from '../../src/metrics/registry.ts';

describe('metrics', () => {
  it('of several processes add up, and survive the way between them as JSON', async () => {
    const [one, two] = [createMetrics(['Encrypt']), createMetrics(['Encrypt'])];
    one.request('Encrypt', 'none', 0.001);
    one.request('Encrypt', 'NotFoundException', 0.3);
    two.request('Encrypt', 'none', 20);
    one.unauthenticated('InvalidSignatureException');
    one.tokenCall(0.002);
    two.trailFlush('written', 7, 0.004);
    two.trailFlush('failed', 1, 0.004);
    one.hostRestarts(0, 2);
    two.hostRestarts(0, 3);
    const snapshots = await Promise.all([one.snapshot(), two.snapshot()]);
    const text = await aggregate(JSON.parse(JSON.stringify(snapshots)));
    for (const line of [
      'coffer_requests_total{operation="Encrypt",error="none"} 2',
      'coffer_requests_total{operation="Encrypt",error="NotFoundException"} 1',
      'coffer_request_seconds_bucket{le="0.001",operation="Encrypt"} 1',
      'coffer_request_seconds_bucket{le="0.5",operation="Encrypt"} 2',
      'coffer_request_seconds_bucket{le="10",operation="Encrypt"} 2',
      'coffer_request_seconds_bucket{le="+Inf",operation="Encrypt"} 3',
      'coffer_unauthenticated_requests_total{error="InvalidSignatureException"} 1',
      'coffer_token_seconds_count 1',
      'coffer_trail_flushes_total{outcome="written"} 1',
      'coffer_trail_flushes_total{outcome="failed"} 1',
      'coffer_trail_flush_records_sum 8',
      'coffer_token_host_restarts{host="0"} 3',
    ]) {
      expect(text.split('\n')).to.include(line);
    }
  });

  it('of what only the primary knows say nothing where there is nothing to tell', async () => {
    const [primary, worker] = [createMetrics([]), createMetrics([])];
    const seconds = async () => {
      const text = await aggregate(await Promise.all([primary.snapshot(), worker.snapshot()]));
      return /^coffer_imported_material_expires_seconds (\S+)$/m.exec(text)?.[1];
    };
    expect(await seconds()).to.equal(undefined);
    primary.materialExpires(90);
    expect(await seconds()).to.equal('90');
    primary.materialExpires(-3);
    expect(await seconds()).to.equal('-3');
    primary.materialExpires(undefined);
    expect(await seconds()).to.equal(undefined);
  });
});
