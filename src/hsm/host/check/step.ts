/** One step of a check: what is lost where the library takes its process along, and what it finds. */
import type { Result } from '../../check/message.ts';
import type { Rule, RuleFacts } from '../../check/report.ts';
import { ckrText } from '../ckr.ts';
import type { Bench } from './bench.ts';

export interface Step {
  /** Unique; says to a person what is done. */
  readonly name: string;
  /** How many times the ordinary deadline it may take. */
  readonly factor: number;
  readonly lost: readonly Result[];
  run(bench: Bench): readonly Result[];
}

export type Found = Pick<Rule, 'verdict' | 'detail'>;

export const pass: Found = { verdict: 'pass' };

export function fail(detail: string): Found {
  return { verdict: 'fail', detail };
}

export function untried(detail: string): Found {
  return { verdict: 'untried', detail };
}

/** @param attempt what it throws says why the rule can't be tried */
export function ruleStep(facts: RuleFacts, attempt: (bench: Bench) => Found, factor = 2): Step {
  return rulesStep(facts.title, [facts], (bench) => [attempt(bench)], factor);
}

/** Several rules that are tried together. @param attempt gives as many verdicts as there are rules */
export function rulesStep(
  name: string,
  all: readonly RuleFacts[],
  attempt: (bench: Bench) => readonly Found[],
  factor = 2,
): Step {
  const results = (found: readonly Found[], rest: Found): Result[] =>
    all.map((facts, index) => ({ type: 'rule', rule: { ...facts, ...(found[index] ?? rest) } }));
  return {
    name,
    factor,
    lost: results([], untried('it was not tried')),
    run(bench) {
      try {
        return results(attempt(bench), untried('it was not tried'));
      } catch (error) {
        return results([], untried(ckrText(error)));
      }
    },
  };
}
