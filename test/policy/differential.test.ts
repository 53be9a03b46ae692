import { expect } from 'chai';
import fc from 'fast-check';
import { decide } from '../../src/policy/decide.ts';
import { type Simulation, simulate } from '../../src/policy/simulate.ts';
import { accessCase, accessRequest, type Case } from './arbitrary.ts';
import { differences } from './differences.ts';
import { policies } from './engine.ts';
import { theirs } from './simulator.ts';

const agreeing = 20_000;

function ours(access: Case): Simulation['decision'] {
  const request = accessRequest(access);
  const compiled = policies(access);
  const { decision } = simulate(request, compiled);
  const outcome = decide(request, compiled);
  expect(decision === 'allowed').to.equal(outcome.allowed);
  return decision;
}

describe('the policy engine beside @cloud-copilot/iam-simulate', () => {
  it(`decides the same in ${agreeing} random cases without a known difference`, function () {
    this.timeout(60_000);
    let agreed = 0;
    const decided = { allowed: 0, explicitDeny: 0, implicitDeny: 0 };
    fc.assert(
      fc.property(accessCase, (access) => {
        const mine = ours(access);
        const other = theirs(access);
        if (differences.some(({ covers }) => covers(access))) return;
        expect({ ...access, decision: mine }).to.deep.equal({ ...access, decision: other });
        agreed++;
        decided[mine]++;
      }),
      { numRuns: agreeing * 1.75 },
    );
    expect(agreed).to.be.at.least(agreeing);
    // a comparison in which nearly everything is denied anyway would prove little
    for (const [decision, count] of Object.entries(decided))
      expect(count, decision).to.be.above(agreeing / 10);
  });

  for (const { name, page, example, ours: mine, theirs: other } of differences) {
    it(`knows better: ${name} (${page})`, () => {
      expect(ours(example)).to.equal(mine);
      expect(theirs(example)).to.equal(other);
    });
  }
});
