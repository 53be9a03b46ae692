/** The services of AWS that Coffer speaks for, by the names that actions and signatures have for them. */
export const serviceNames = ['kms', 'iam', 'sts', 'cloudtrail'] as const;

export type ServiceName = (typeof serviceNames)[number];

/** Where AWS has the endpoints of the services that are of no region. */
const globalRegion = 'us-east-1';

/** Where a request to a service that is of no region may be signed for. @param region the one that is served */
export function regionsOf(region: string): readonly string[] {
  return [...new Set([region, globalRegion])];
}
