"""The rules, all pure: findings and the time go in, a decision comes out."""
