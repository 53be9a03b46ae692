import { expect } from 'chai';
import { DueTime, holdMilliseconds } from '../../src/jobs/due.ts';
import { day, TestClock } from './clock.ts';

describe('when a waiting period has passed', () => {
  it('a date is due when the time until it has truly passed', () => {
    const clock = new TestClock();
    const due = new DueTime(clock);
    const date = clock.now() + 7 * day;
    clock.pass(7 * day - 1);
    expect(due.isDue(date)).to.equal(false);
    clock.pass(1);
    expect(due.isDue(date)).to.equal(true);
  });

  it('a clock that jumps forward makes nothing due', () => {
    const clock = new TestClock();
    const due = new DueTime(clock);
    const date = clock.now() + 7 * day;
    clock.jump(3650 * day);
    expect(due.isDue(date)).to.equal(false);
    clock.pass(6 * day);
    expect(due.isDue(date)).to.equal(false);
    clock.pass(day);
    expect(due.isDue(date)).to.equal(true);
  });

  it('knows by how much the clock was set ahead, and is behind by nothing', () => {
    const clock = new TestClock();
    const due = new DueTime(clock);
    clock.pass(day);
    expect(due.ahead()).to.equal(0);
    clock.jump(3 * day);
    clock.pass(day);
    expect(due.ahead()).to.equal(3 * day);
    clock.jump(-5 * day);
    expect(due.ahead()).to.equal(0);
  });

  it('a clock that jumps back delays, and is believed', () => {
    const clock = new TestClock();
    const due = new DueTime(clock);
    const date = clock.now() + 7 * day;
    clock.pass(6 * day);
    clock.jump(-3 * day);
    clock.pass(2 * day);
    expect(due.isDue(date)).to.equal(false);
    clock.pass(2 * day);
    expect(due.isDue(date)).to.equal(true);
  });

  it('what came due while nobody watched is held for an hour', () => {
    const clock = new TestClock();
    const date = clock.now() - 1;
    const due = new DueTime(clock);
    clock.pass(holdMilliseconds - 1);
    expect(due.isDue(date)).to.equal(false);
    clock.pass(1);
    expect(due.isDue(date)).to.equal(true);
  });

  it('a machine that boots with a clock of the future, which is then set right, destroys nothing', () => {
    const clock = new TestClock();
    const date = clock.now() + 7 * day;
    clock.jump(3650 * day);
    const due = new DueTime(clock);
    clock.pass(60_000);
    expect(due.isDue(date)).to.equal(false);
    clock.jump(-3650 * day);
    clock.pass(holdMilliseconds);
    expect(due.isDue(date)).to.equal(false);
  });
});
