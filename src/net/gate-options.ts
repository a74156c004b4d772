// The options of a gate: those of startServer that decide who comes in.
import type { AdmissionOptions } from './admission.ts';
import type { ListenerOptions } from './listener.ts';
import type { RefusalReportOptions } from './refusal-reports.ts';
import type { ServerOptions } from './serving-options.ts';

/** The options of startServer that decide who comes in. The gate does not check them. */
export interface GateOptions
  extends
    ListenerOptions,
    AdmissionOptions,
    RefusalReportOptions,
    Pick<ServerOptions, 'maxConnections' | 'tls' | 'handshakeTimeout' | 'proxyProtocol'> {}
