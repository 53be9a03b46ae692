import { expect } from 'chai';
import { Lease, leaseMilliseconds } from '../../src/app/lease.ts';
import { TestClock } from '../jobs/clock.ts';

describe('the lease of a worker', () => {
  it('is not held before the primary was heard of', () => {
    expect(new Lease(new TestClock()).held).to.equal(false);
  });

  it('ends a second after the primary sent it, however late it arrived', () => {
    const clock = new TestClock();
    const lease = new Lease(clock);
    const sent = clock.monotonic();
    clock.pass(leaseMilliseconds - 1);
    lease.renew(sent);
    expect(lease.held).to.equal(true);
    clock.pass(1);
    expect(lease.held).to.equal(false);
  });

  it('a backlog of old leases gives nothing: the changes behind them are not taken yet', () => {
    const clock = new TestClock();
    const lease = new Lease(clock);
    const sent = clock.monotonic();
    clock.pass(10_000);
    for (let at = sent; at < sent + 9_000; at += 200) lease.renew(at);
    expect(lease.held).to.equal(false);
  });

  it('a request waits for it and goes on when it comes', async () => {
    const clock = new TestClock();
    const lease = new Lease(clock);
    const waiting = lease.wait();
    lease.renew(clock.monotonic());
    expect(await waiting).to.equal(true);
  });

  it('the wall clock has no say', () => {
    const clock = new TestClock();
    const lease = new Lease(clock);
    lease.renew(clock.monotonic());
    clock.jump(86_400_000);
    expect(lease.held).to.equal(true);
  });
});
