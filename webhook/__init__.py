"""The injector: an admission review in, a JSON patch out.

`decision` says whether a pod gets the sidecar, or by which reason not; `patch` says how; `review` puts both into
an AdmissionReview. These are pure: what they need to know of the cluster comes as arguments (`facts`).
"""
