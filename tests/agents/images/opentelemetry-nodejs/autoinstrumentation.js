'use strict'

// The SDK with all instrumentations, configured by the environment.
require('@opentelemetry/auto-instrumentations-node/register')
