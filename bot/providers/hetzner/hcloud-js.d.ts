// The little that we use of hcloud-js, which brings no types: its HTTP client, with the token in its headers.
declare module 'hcloud-js' {
  export class Client {
    constructor(options: { token: string; baseURL: string; timeout: number });
    readonly axios: (request: {
      method: string;
      url: string;
      params: Record<string, string | number> | undefined;
      data: unknown;
      timeout: number;
      signal: AbortSignal;
      validateStatus: () => true;
      maxRedirects: 0;
      maxContentLength: number;
    }) => Promise<{ status: number; headers: Record<string, unknown>; data: unknown }>;
  }
}
