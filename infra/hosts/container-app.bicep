// Two replicas or more on Container Apps: docs/hosting/container-apps.md
param name string
param location string
param tags object
param image string
param registryServer string
param identityId string
param environmentId string
param settings object

var hostSettings = {
  HOST: '0.0.0.0'
  PORT: '3000'
  // Longer than the ingress takes to notice.
  SHUTDOWN_DELAY_MS: '5000'
  // The ingress, in the addresses that Container Apps reserves: docs/networks.md
  TRUSTED_PROXIES: '100.100.0.0/16'
}

module app 'br/public:avm/res/app/container-app:0.23.0' = {
  params: {
    name: name
    location: location
    tags: tags
    environmentResourceId: environmentId
    managedIdentities: { userAssignedResourceIds: [identityId] }
    registries: [{ server: registryServer, identity: identityId }]
    activeRevisionsMode: 'Single'
    ingressExternal: true
    ingressAllowInsecure: false
    ingressTargetPort: 3000
    ingressTransport: 'http'
    terminationGracePeriodSeconds: 30
    scaleSettings: {
      minReplicas: 2
      maxReplicas: 6
      rules: [{ name: 'cpu', custom: { type: 'cpu', metadata: { type: 'Utilization', value: '70' } } }]
    }
    containers: [
      {
        name: 'api'
        image: image
        resources: { cpu: json('1.0'), memory: '2Gi' }
        env: map(items(union(settings, hostSettings)), setting => { name: setting.key, value: setting.value })
        probes: [
          {
            // A minute. Azure allows 10 failures at most.
            type: 'Startup'
            httpGet: { path: '/health/live', port: 3000 }
            periodSeconds: 6
            failureThreshold: 10
          }
          {
            type: 'Liveness'
            httpGet: { path: '/health/live', port: 3000 }
            periodSeconds: 10
            failureThreshold: 3
          }
          {
            type: 'Readiness'
            httpGet: { path: '/health/ready', port: 3000 }
            periodSeconds: 5
            failureThreshold: 2
          }
        ]
      }
    ]
  }
}

output url string = 'https://${app.outputs.fqdn}'
