/** Packages that the bundled programs load from node_modules: they read files of their own, or must exist once. */
export const outside = ['reflect-metadata', 'swagger-ui-dist'];
