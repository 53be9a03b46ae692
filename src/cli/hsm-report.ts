import type { ImportWay, KeyFinding, Mechanism, Report, Rule, Verdict } from '../hsm/check/report.ts';

const marks: Readonly<Record<Verdict, string>> = {
  pass: 'pass',
  fail: 'FAIL',
  untried: 'open',
  note: 'note',
};

/** The report of a check as a person reads it. */
export function renderReport(report: Report): string {
  const { rules, keys, imports, mechanisms, latencies, incidents, leftovers } = report;
  const parts = [
    section('Token', tokenLines(report)),
    section('What Coffer does with a token', ruleLines(rules, 'function')),
    section('What nobody may do with it', ruleLines(rules, 'boundary')),
    section('KMS keys', keys.map(keyLine)),
    section('Import of key material', importLines(imports)),
    section('Mechanisms that Coffer has a use for', mechanismLines(mechanisms)),
    section('Attributes', attributeLines(report)),
    section(
      'Latency, with keys of a session and one call at a time',
      latencies.map(
        ({ operation, medianMicroseconds, rounds }) =>
          `${operation.padEnd(32)} ${time(medianMicroseconds).padStart(10)}   median of ${rounds}`,
      ),
    ),
    section(
      'The library ended its process',
      incidents.map(({ step, detail }) => `while it was to ${step}: ${detail}`),
    ),
    section('Left in the token', leftLines(rules, leftovers)),
    verdictLine(report),
  ];
  return `${parts.filter((part) => part !== '').join('\n')}\n`;
}

function section(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : `${title}\n${lines.map((line) => `  ${line}\n`).join('')}`;
}

function tokenLines({ token, library }: Report): string[] {
  const { label, serial, manufacturer, model, hardwareVersion, firmwareVersion, pinLength } = token;
  return [
    `label            ${label}${token.inUse ? ' (Coffer has keys in it)' : ''}`,
    `serial           ${serial}`,
    `made by          ${manufacturer}, model ${model}`,
    `hardware         ${hardwareVersion}, firmware ${firmwareVersion}`,
    `flags            ${token.flags.join(' ')}`,
    `sessions         ${token.maximalSessions ?? 'no limit told'}`,
    `PIN              ${pinLength.smallest} to ${pinLength.largest} characters`,
    `library          ${library.file}`,
    `                 ${library.manufacturer}, ${library.description}, version ${library.version}`,
    `Cryptoki         ${library.cryptokiVersion}`,
  ];
}

function ruleLines(rules: readonly Rule[], group: Rule['group']): string[] {
  return rules
    .filter((rule) => rule.group === group)
    .flatMap(({ verdict, title, detail, source, required }) => [
      `${marks[verdict]}  ${title}${required || verdict === 'note' ? '' : ' (not required)'}`,
      ...(detail === undefined ? [] : [`      ${detail}`]),
      `      ${source}`,
    ]);
}

function keyLine({ keySpec, keyUsage, algorithms, inHost, problem }: KeyFinding): string {
  const name = `${keySpec.padEnd(22)} ${keyUsage.padEnd(20)}`;
  if (algorithms.length === 0) return `${name} no: ${problem ?? 'it does not work'}`;
  const list = algorithms.map((name) => (inHost.includes(name) ? `${name} (padding in the host)` : name));
  return `${name} ${list.join(', ')}${problem === undefined ? '' : `; not all: ${problem}`}`;
}

const places = { token: 'in the token', host: "in a host's memory (token.hostUnwrap)" } as const;

/** Each wrapping algorithm, and which keys it brings where. */
function importLines(imports: readonly ImportWay[]): string[] {
  return [...new Set(imports.map(({ wrappingAlgorithm }) => wrappingAlgorithm))].flatMap((algorithm) =>
    (['token', 'host', undefined] as const).flatMap((place) => {
      const ways = imports.filter((way) => way.wrappingAlgorithm === algorithm && way.where === place);
      const specs = [...new Set(ways.map(({ keySpec }) => keySpec))];
      if (specs.length === 0) return [];
      return [`${algorithm.padEnd(25)} ${place === undefined ? 'no' : places[place]}: ${specs.join(', ')}`];
    }),
  );
}

function mechanismLines(mechanisms: readonly Mechanism[]): string[] {
  const tried = mechanisms.filter(({ works }) => works !== undefined);
  const rest = mechanisms.filter(({ works, listed }) => works === undefined && listed);
  return [
    ...tried.map(({ name, listed, works, problem }) => {
      const told = listed ? 'listed' : 'not listed';
      const found = works === true ? 'works' : `does not work${problem === undefined ? '' : `: ${problem}`}`;
      return `${name.padEnd(32)} ${told.padEnd(10)}  ${found}`;
    }),
    ...(rest.length === 0 ? [] : [`and ${rest.length} more are listed: --json names them`]),
  ];
}

function attributeLines({ attributes }: Report): string[] {
  if (attributes === undefined) return [];
  const { refused, misreported } = attributes;
  return [
    `refused          ${refused.length === 0 ? 'none of those that Coffer asks for' : refused.join(', ')}`,
    `told wrongly     ${misreported.length === 0 ? 'none' : misreported.join(', ')}`,
  ];
}

function leftLines(rules: readonly Rule[], leftovers: number): string[] {
  const made = rules.some(({ tokenObject }) => tokenObject === true);
  return [
    ...(leftovers === 0
      ? []
      : [`${leftovers} objects of a check that was interrupted were there, and have been destroyed`]),
    `nothing: ${made ? 'keys were made in it for what can be tried with no others, and destroyed' : 'no key was made in it'}`,
  ];
}

function verdictLine({ verdict, rules }: Report): string {
  const failing = rules.filter(({ required, verdict }) => required && verdict !== 'pass');
  if (verdict === 'pass') return 'Coffer can use this token: it does all that Coffer needs.';
  return `This token is not fit for Coffer: ${failing.map(({ title }) => title).join('; ')}.`;
}

function time(microseconds: number): string {
  return microseconds < 10_000 ? `${microseconds.toFixed(1)} µs` : `${(microseconds / 1_000).toFixed(1)} ms`;
}
