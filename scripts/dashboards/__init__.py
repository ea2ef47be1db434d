"""Makes the four dashboards for Grafana of the role monitoring: ``python -m scripts.dashboards``."""
