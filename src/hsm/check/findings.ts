/** What the steps of a check have found so far, over all the processes that it takes. */
import { lostResult, type Result } from './message.ts';
import {
  type Attributes,
  type ImportWay,
  type Incident,
  judge,
  type KeyFinding,
  type Latency,
  type LibraryFacts,
  type Mechanism,
  type Report,
  type Rule,
  type TokenFacts,
} from './report.ts';

export class Findings {
  /** Steps that are done, or have ended their process. */
  readonly done = new Set<string>();
  attributes: Attributes | undefined;
  #step: { readonly name: string; readonly lost: readonly Result[] } | undefined;
  #token: { readonly token: TokenFacts; readonly library: LibraryFacts } | undefined;
  #leftovers = 0;
  readonly #rules: Rule[] = [];
  readonly #keys: KeyFinding[] = [];
  readonly #imports: ImportWay[] = [];
  readonly #latencies: Latency[] = [];
  readonly #incidents: Incident[] = [];
  readonly #mechanisms = new Map<number, Mechanism>();
  readonly #evidence = new Map<number, { works: boolean; problem: string | undefined }>();

  /** The step that is under way. */
  get step(): string | undefined {
    return this.#step?.name;
  }

  begin(name: string, lost: readonly Result[]): void {
    this.#step = { name, lost };
  }

  end(results: readonly Result[]): void {
    if (this.#step !== undefined) this.done.add(this.#step.name);
    this.#step = undefined;
    for (const result of results) this.#take(result);
  }

  /** The step under way never ended. */
  lose(type: Incident['type'], detail: string): void {
    if (this.#step === undefined) return;
    const { name, lost } = this.#step;
    this.#incidents.push({ step: name, type, detail });
    this.end(lost.map((result) => lostResult(result, detail)));
  }

  #take(result: Result): void {
    switch (result.type) {
      case 'token':
        this.#token = result;
        return;
      case 'leftovers':
        this.#leftovers += result.count;
        return;
      case 'attributes':
        this.attributes = result.attributes;
        return;
      case 'mechanisms':
        for (const mechanism of result.mechanisms) this.#mechanisms.set(mechanism.number, mechanism);
        return;
      case 'evidence': {
        const { number, works, problem } = result;
        // Of a mechanism that works with one key it is the other key that the token can't do.
        if (this.#evidence.get(number)?.works !== true) this.#evidence.set(number, { works, problem });
        return;
      }
      case 'key':
        this.#keys.push(result.key);
        return;
      case 'import':
        this.#imports.push(result.way);
        return;
      case 'rule':
        this.#rules.push(result.rule);
        return;
      case 'latency':
        this.#latencies.push(result.latency);
        return;
      default:
        result satisfies never;
    }
  }

  /** @throws Error where the token was never opened */
  report(): Report {
    if (this.#token === undefined) throw new Error('nothing is known of a token that was never opened');
    return {
      version: 1,
      checkedAt: new Date().toISOString(),
      verdict: judge(this.#rules),
      library: this.#token.library,
      token: this.#token.token,
      rules: this.#rules,
      keys: this.#keys,
      imports: this.#imports,
      mechanisms: [...this.#mechanisms.values()].map((mechanism) => this.#proved(mechanism)),
      ...(this.attributes !== undefined && { attributes: this.attributes }),
      latencies: this.#latencies,
      incidents: this.#incidents,
      leftovers: this.#leftovers,
    };
  }

  #proved(mechanism: Mechanism): Mechanism {
    const evidence = this.#evidence.get(mechanism.number);
    if (evidence === undefined) return mechanism;
    const { works, problem } = evidence;
    return { ...mechanism, works, ...(!works && problem !== undefined && { problem }) };
  }
}
