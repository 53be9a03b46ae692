/**
 * The process that loads the library for `coffer hsm check`: makes the steps that are left, tells each beginning and
 * end, and may die of any of them.
 */
import { readFileSync, writeSync } from 'node:fs';
import {
  type CheckMessage,
  type CheckOptions,
  checkPipe,
  lostResult,
  openStep,
} from '../../check/message.ts';
import { decodeParts } from '../../start.ts';
import { ckrText } from '../ckr.ts';
import { OpenError } from '../failure.ts';
import { TokenModule } from '../module.ts';
import { type Quirk, quirkOf } from '../quirk.ts';
import { Token } from '../token.ts';
import { attributesStep, originStep } from './attributes.ts';
import type { Bench } from './bench.ts';
import { functionSteps } from './function.ts';
import { importStep } from './imports.ts';
import { ivStep } from './iv.ts';
import { keySteps } from './keys.ts';
import { latencySteps } from './latency.ts';
import { lifetimeSteps, sweep } from './lifetime.ts';
import { mechanismsStep } from './mechanisms.ts';
import { secrecySteps } from './secrecy.ts';
import type { Step } from './step.ts';
import { describeLibrary, describeToken, pinProblem } from './token.ts';
import { usageSteps } from './usage.ts';

const steps: readonly Step[] = [
  attributesStep,
  mechanismsStep,
  ...functionSteps,
  originStep,
  ...secrecySteps,
  ...usageSteps,
  ...lifetimeSteps,
  ivStep,
  ...keySteps,
  importStep,
  ...latencySteps,
];

function tell(message: CheckMessage): void {
  try {
    writeSync(checkPipe, `${JSON.stringify(message)}\n`);
  } catch {
    // Nobody listens any more.
    process.exit(1);
  }
}

function refuse(message: string): never {
  tell({ type: 'refused', message });
  process.exit(1);
}

function begin({ name, factor, lost }: Pick<Step, 'name' | 'factor' | 'lost'>): void {
  tell({ type: 'begin', step: name, milliseconds: factor * options.deadlineMilliseconds, lost });
}

function open(pin: Buffer): Bench {
  try {
    const module = new TokenModule(options, {
      take: () => tell({ type: 'login' }),
      release: () => tell({ type: 'logged-in' }),
    });
    const problem = pinProblem(module.initialise().getToken());
    if (problem !== undefined) refuse(problem);
    const token = new Token(module, pin, () => undefined, { proving: false });
    token.open();
    return {
      token,
      leave: { hostOaep: options.hostOaep, hostUnwrap: true },
    };
  } catch (error) {
    if (error instanceof OpenError) refuse(error.message);
    refuse(`can't open the token: ${ckrText(error)}`);
  }
}

/** As an earlier process found them: this one doesn't try again what ended that one. */
function assume({ token }: Bench): void {
  const { attributes } = options;
  const { manufacturer } = quirkOf(token.info.manufacturerID);
  if (attributes === undefined) return;
  const refuses: Quirk['refuses'] = [
    ...(attributes.refused.includes('CKA_COPYABLE') ? ['copyable' as const] : []),
    ...(attributes.refused.includes('CKA_ALLOWED_MECHANISMS') ? ['allowedMechanisms' as const] : []),
  ];
  const misreports: Quirk['misreports'] = attributes.misreported.includes('CKA_LOCAL') ? ['local'] : [];
  token.assume({ manufacturer, refuses, misreports });
}

function make(step: Step, bench: Bench): void {
  begin(step);
  try {
    // A step may leave the token lost: the next has it again, or it is its own that fails.
    if (bench.token.problem !== undefined) bench.token.open();
    tell({ type: 'end', step: step.name, results: step.run(bench) });
  } catch (error) {
    const problem = ckrText(error);
    tell({ type: 'end', step: step.name, results: step.lost.map((result) => lostResult(result, problem)) });
  }
}

const received = decodeParts(readFileSync(0), 2);
const [json, pin] = received ?? [];
if (json === undefined || pin === undefined) throw new Error('what is to be checked was not said');
const options: CheckOptions = JSON.parse(json.toString('utf8'));

begin({ name: openStep, factor: 8, lost: [] });
const bench = open(pin);
assume(bench);
tell({
  type: 'end',
  step: openStep,
  results: [
    { type: 'leftovers', count: sweep(bench) },
    {
      type: 'token',
      token: describeToken(bench.token),
      library: describeLibrary(bench.token, options.module),
    },
  ],
});
const done = new Set(options.done);
for (const step of steps) if (!done.has(step.name)) make(step, bench);
begin({ name: 'take leave of the token', factor: 2, lost: [] });
bench.token.close();
tell({ type: 'end', step: 'take leave of the token', results: [] });
tell({ type: 'finished' });
process.exit(0);
