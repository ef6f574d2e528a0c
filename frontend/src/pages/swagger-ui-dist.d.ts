/** What `docs.ts` uses of Swagger UI, which brings no types. */
declare module "swagger-ui-dist/swagger-ui-es-bundle.js" {
  interface Options {
    url: string;
    dom_id: string;
    deepLinking: boolean;
    docExpansion: "list" | "full" | "none";
    /** Null: the document is not sent to a validator elsewhere. */
    validatorUrl: null;
  }
  export default function SwaggerUi(options: Options): unknown;
}
