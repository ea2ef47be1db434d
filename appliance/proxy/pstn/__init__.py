"""The telephone network (the seed's route PSTN): whose gateways, who may call there, by which numbers."""
