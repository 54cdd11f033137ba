/** What the centre's HTTP interface answers. Times are RFC 3339 in UTC. */

export type StationState = 'fresh' | 'late' | 'lost' | 'never';

/** QARTOD: 1 good, 2 not evaluated, 3 suspect, 4 fail, 9 missing. */
export type Quality = 1 | 2 | 3 | 4 | 9;

export interface Station {
  readonly id: string;
  readonly name: string;
  readonly name_en: string | null;
  readonly commune: string | null;
  readonly lat: number | null;
  readonly lon: number | null;
  readonly state: StationState;
  readonly last_seen: string | null;
  readonly age_s: number | null;
  readonly online: boolean;
  readonly alarm_level: number;
  /** How the node said last that it is. */
  readonly health?: Health | null;
}

/** What a node does not tell is null. */
export interface Health {
  readonly heard: string;
  readonly age_s: number;
  readonly clock: 'unset' | 'rtc' | 'ntp' | null;
  readonly uptime_s: number | null;
  readonly temperature_c: number | null;
  readonly power_now: readonly string[] | null;
  readonly disk_free_bytes: number | null;
  readonly disk_size_bytes: number | null;
  readonly storing: 'kept' | 'refused' | 'in_memory' | null;
  readonly waiting: number | null;
  readonly oldest_s: number | null;
  readonly signal_dbm: number | null;
  readonly failing: number | null;
}

export interface Latest {
  readonly station: string;
  readonly channel: string;
  readonly quantity: string;
  readonly unit: string;
  readonly value: number | null;
  readonly time: string;
  readonly quality: Quality;
  readonly tests: readonly string[];
  readonly age_s: number | null;
}

export interface Acknowledgement {
  readonly by: string;
  readonly comment: string;
  readonly at: string;
}

export interface Shelving {
  readonly by: string;
  readonly until: string;
  readonly comment: string;
}

export interface Approval {
  readonly state: 'waiting' | 'approved' | 'rejected';
  readonly level: number;
  readonly by: string | null;
  readonly comment: string;
  readonly at: string | null;
}

type Words = { readonly vi: string; readonly en: string; readonly zh: string };

/** A rule that can be played. */
export interface Drillable {
  readonly rule: string;
  readonly event: Words;
  readonly levels: readonly { readonly level: number; readonly name: Words; readonly approval: boolean }[];
  readonly stations: readonly string[];
}

/** How far a message to one person or receiver has come. */
export interface Receipt {
  readonly recipient: string;
  readonly name: string;
  readonly channel: string;
  /** Each includes the ones before. */
  readonly state: 'given-up' | 'queued' | 'sent' | 'delivered' | 'opened' | 'confirmed';
  readonly error: string | null;
}

/** What others warn of. */
export interface ForeignAlerts {
  readonly feeds: readonly {
    readonly name: string;
    readonly url: string;
    readonly read_at: string | null;
    readonly trouble: string | null;
  }[];
  readonly alerts: readonly ForeignAlert[];
}

export interface ForeignAlert {
  readonly feed: string;
  readonly address: string;
  readonly identifier: string;
  readonly sender: string;
  readonly status: string;
  readonly sent: string;
  readonly infos: readonly {
    readonly language: string;
    readonly event: string;
    readonly severity: string;
    readonly expires: string | null;
    readonly sender_name: string | null;
    readonly headline: string | null;
    readonly description: string | null;
    readonly areas: readonly { readonly description: string }[];
  }[];
}

export interface Alarm {
  readonly id: string;
  readonly rule: string;
  readonly version: number;
  readonly hazard: string;
  readonly station: string;
  readonly channel: string;
  /** 1 to 5; 0 for an alarm about missing data. */
  readonly level: number;
  readonly severity: 'Minor' | 'Moderate' | 'Severe' | 'Extreme' | 'Unknown';
  readonly state: 'raised' | 'cleared';
  /** The station is silent while the alarm stands: level and value are what was last known. */
  readonly no_data?: boolean;
  /** Event times: an acknowledgement changes none of them. */
  readonly raised_at: string;
  readonly updated_at: string;
  readonly cleared_at: string | null;
  readonly value: number | null;
  readonly unit: string;
  readonly headline: { readonly vi?: string; readonly en?: string; readonly zh?: string };
  readonly acked: Acknowledgement | null;
  readonly shelved: Shelving | null;
  /** People play it: nothing was measured. */
  readonly drill?: boolean;
  /** Whether the public may be told of the level; null when it needs nobody's word. */
  readonly approval?: Approval | null;
  /** Who ended it, when the readings did not. */
  readonly all_clear?: Acknowledgement | null;
  /** The level of the public message that stands; 0 for an all-clear. */
  readonly public_level?: number | null;
  readonly cap: string | null;
  readonly unofficial: boolean;
  readonly source: 'centre' | 'node';
}

export interface Snapshot {
  readonly time: string;
  readonly stations: readonly Station[];
  readonly latest: readonly Latest[];
  readonly alarms: readonly Alarm[];
}

export interface Diff {
  readonly time: string;
  readonly stations?: readonly Station[];
  readonly latest?: readonly Latest[];
}

export interface Heartbeat {
  readonly time: string;
}

export interface Reading {
  readonly time: string;
  readonly value: number | null;
  readonly quality: Quality;
}

export interface AggregateRow {
  readonly time: string;
  readonly mean?: number | null;
  readonly min?: number | null;
  readonly max?: number | null;
  readonly sum?: number | null;
  readonly count?: number;
  readonly good?: number;
}

export interface History {
  readonly station: string;
  readonly channel: string;
  readonly quantity: string;
  readonly unit: string;
  readonly step_s?: number;
  readonly readings?: readonly Reading[];
  readonly rows?: readonly AggregateRow[];
}

/** The answer to a request that was refused. */
export interface Refusal {
  readonly error: string;
  readonly fix?: string;
}
